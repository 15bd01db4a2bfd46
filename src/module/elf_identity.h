/// \file
/// Reads a module's build identity from its library's file, without loading it: a library that is
/// loaded runs its initialisers, and one of another build would run wrong code.
#pragma once

#include <optional>
#include <string>

#include <arrow/result.h>

namespace longbow {

/// The text in the section `.longbow.identity` of an ELF64 library for this machine, up to its
/// first zero byte; nothing where there is no such section. The file is not trusted: every offset
/// is checked against its size. Blocks. Errors: NOT_FOUND for a file that is not there,
/// BAD_ARGUMENT for one that is no shared library of this machine or is damaged, INTERNAL_ERROR if
/// it cannot be read.
arrow::Result<std::optional<std::string>> ReadModuleIdentity(const std::string& path);

}  // namespace longbow
