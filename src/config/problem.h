/// \file
/// What is wrong with the settings. Problems are collected, so that a person sees all of them at
/// once.
#pragma once

#include <string>
#include <vector>

#include <arrow/status.h>

namespace longbow::config {

/// One thing that is wrong.
struct Problem {
  std::string place;  ///< `longbow.toml:12` or `environment variable LONGBOW_...`; may be empty
  std::string text;   ///< a sentence: what is wrong, with which setting, and what to do
};

/// OK if there are none, else BAD_ARGUMENT with one line for each.
arrow::Status ProblemsToStatus(const std::vector<Problem>& problems);

}  // namespace longbow::config
