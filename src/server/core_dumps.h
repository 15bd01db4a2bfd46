/// \file
/// What a crash leaves behind.
#pragma once

#include <arrow/status.h>

namespace longbow::server {

/// Keeps the memory of this process, with the secrets in it, out of core dumps, wherever the system
/// puts them; for good. A debugger can still be attached. Errors: a system that does not let it,
/// with what to do; what can be done is done nevertheless.
arrow::Status ForbidCoreDumps();

}  // namespace longbow::server
