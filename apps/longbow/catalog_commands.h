/// \file
/// `longbow put`, `ls`, `info`, `rm` and `actions`: what a node has, and changes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client_session.h"

namespace longbow::client {

struct PutCommandOptions {
  ClientOptions client;
  std::string path;
  std::string file;
  std::string file_format;
  std::string if_exists;
  std::optional<int64_t> ttl_sec;
};
struct ListOptions {
  ClientOptions client;
  std::string prefix;
};
struct InfoOptions {
  ClientOptions client;
  std::string flight;
};
struct RemoveOptions {
  ClientOptions client;
  std::vector<std::string> paths;
  std::string prefix;
};
struct ActionsOptions {
  ClientOptions client;
  std::string name;
  std::string body;
};

/// All block, write to the standard streams, and return the exit code.
int RunPut(const PutCommandOptions& options);
int RunList(const ListOptions& options);
int RunInfo(const InfoOptions& options);
int RunRemove(const RemoveOptions& options);
int RunActions(const ActionsOptions& options);

}  // namespace longbow::client
