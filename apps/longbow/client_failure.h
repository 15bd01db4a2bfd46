/// \file
/// What the user reads when a client command fails, and the exit code that a script gets.
#pragma once

#include <string>

#include <arrow/status.h>

namespace longbow::client {

/// A wrong command line: exit code 2. `message` says what is wrong and what would be right.
arrow::Status UsageError(std::string message);

struct Failure {
  int exit_code = 1;
  /// Lines for standard error, ended by a newline and safe for a terminal; empty where there is
  /// nothing to say (the reader of a pipe went away).
  std::string text;
};

/// \param status not OK; an error of this program, or what Flight's client gave
/// \param server as the user named it
Failure DescribeFailure(const arrow::Status& status, const std::string& server);

/// A Flight client's error as the status that the server made, with its `ErrorDetail`; any other
/// status unchanged.
arrow::Status FromFlightClient(const arrow::Status& status);

}  // namespace longbow::client
