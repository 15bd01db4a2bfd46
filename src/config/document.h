/// \file
/// What the settings files say, merged, before anything is checked. For one thread at a time.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/value.h>

#include "config/problem.h"

namespace longbow::config {

/// A value or a table as it was written, and where.
struct Node {
  bool is_table = false;
  std::map<std::string, Node, std::less<>> children;  ///< of a table
  Value value;                                        ///< of a value
  /// Of a value, for messages: `integer`, `string`, `date or time`.
  std::string type_name;
  std::string place;  ///< `longbow.toml:12`, `environment variable LONGBOW_...`
};

/// A key as TOML writes it: bare where that is allowed, else quoted.
std::string TomlKey(std::string_view key);

/// Puts `over` on top of `base`: tables are merged key by key, anything else is replaced.
void Merge(Node* base, Node over);

/// Parses one TOML text into a table. What cannot be parsed is added to `problems`.
/// \param name the file's name, for places
Node ParseToml(std::string_view text, const std::string& name, std::vector<Problem>* problems);

/// Reads and merges TOML files, later ones over earlier ones. Files that cannot be read, or are
/// larger than 16 MiB, are problems. Blocks.
Node ReadFiles(const std::vector<std::string>& files, std::vector<Problem>* problems);

}  // namespace longbow::config
