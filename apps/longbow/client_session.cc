#include "client_session.h"

#include <cstdio>

#include "client_failure.h"
#include "client_progress.h"
#include "commands.h"

namespace longbow::client {

void Say(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

int RunInSession(const ClientOptions& options,
                 const std::function<arrow::Status(Session&)>& command) {
  // First of all: threads that gRPC starts inherit the blocked signals.
  Session session;
  session.show_progress = StandardErrorIsTerminal();
  const arrow::Status status = [&] {
    ARROW_ASSIGN_OR_RAISE(session.connection, Connection::Open(options.connection));
    return command(session);
  }();
  if (status.ok()) return app::kExitOk;
  const Failure failure = DescribeFailure(status, options.connection.server);
  Say(failure.text);
  return failure.exit_code;
}

}  // namespace longbow::client
