/// \file
/// The files of a source, and the wall around them: nothing outside of the source's folder can be
/// named, whether by `..`, an absolute path or a link.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "source_config.h"

namespace longbow::connector {

struct SourceFile {
  /// Below the source's folder, with `/`: what callers see and write.
  std::string name;
  /// Where it is, links resolved. Never shown to callers.
  std::string real_path;
  int64_t bytes = 0;
};

/// At least one file, in the order of their names.
struct SourceFiles {
  FileType type = FileType::kParquet;
  std::vector<SourceFile> files;
};

/// The files of a source, or of what `path` names inside of it. In a folder, files of another kind,
/// hidden ones and those whose name begins with `_` are left out. Blocks on the file system; keeps
/// nothing, so that a source may change.
///
/// Errors: NOT_FOUND, PERMISSION_DENIED for what lies outside of the source, BAD_ARGUMENT for a bad
/// path or files whose format is not clear, RESOURCE_EXHAUSTED for more than 100,000 files.
arrow::Result<SourceFiles> FindSourceFiles(const FileSourceConfig& config,
                                           const std::optional<std::string>& path);

}  // namespace longbow::connector
