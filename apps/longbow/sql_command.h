/// \file
/// `longbow sql` and `longbow get`: rows by command or by path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <arrow/status.h>

#include "client_session.h"

namespace longbow::client {

struct SqlOptions {
  ClientOptions client;
  std::string query;  ///< `-`: from standard input; `@FILE`: from a file
  std::vector<std::string> inputs;
  std::string sink;
  std::string if_exists;
  std::optional<int64_t> ttl_sec;
  bool cache = false;
  bool print_command = false;
};

struct GetOptions {
  ClientOptions client;
  std::string flight;
};

/// Both block, write to the standard streams, and return the exit code.
int RunSql(const SqlOptions& options);
int RunGet(const GetOptions& options);

}  // namespace longbow::client
