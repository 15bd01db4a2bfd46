/// \file
/// What every client command has, and how it begins and ends.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <arrow/status.h>

#include "client_connection.h"
#include "client_interrupt.h"
#include "client_output.h"

namespace longbow::client {

/// The options that all client commands share.
struct ClientOptions {
  ConnectionOptions connection;
  OutputOptions output;
};

struct Session {
  InterruptGuard interrupts;
  std::unique_ptr<Connection> connection;
  bool show_progress = false;
};

/// Runs `command` in a session, says what went wrong on standard error, and returns the exit code.
int RunInSession(const ClientOptions& options,
                 const std::function<arrow::Status(Session&)>& command);

/// Writes to standard error.
void Say(const std::string& text);

}  // namespace longbow::client
