/// \file
/// What an access rule gives, ready to be asked. Used by `AccessRules` and `Permissions` only.
#pragma once

#include "access/name_patterns.h"
#include "access/path_prefixes.h"

namespace longbow::access {

/// Thread-safe once filled.
struct Grant {
  NamePatterns services;
  NamePatterns actions;
  PathPrefixes read;
  PathPrefixes write;
  bool raw_methods = false;
  bool all_tasks = false;
};

}  // namespace longbow::access
