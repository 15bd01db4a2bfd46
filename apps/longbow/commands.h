/// \file
/// What `longbow` can do, as sub-commands of one command line. `main` makes the `CLI::App`, adds
/// both groups, parses, and runs what was chosen; a parse error that is not a request for help is
/// `kExitUsage`.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace longbow::app {

/// Exit codes of the program, for scripts.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,       ///< It did not work; of a client: the server, or the data, said no.
  kExitUsage = 2,         ///< The command line, the settings or a module are wrong.
  kExitUnreachable = 3,   ///< A client finds no server.
  kExitInterrupted = 130  ///< Ctrl-C in a client.
};

/// What the command line asked for. Blocks until it is done, writes to the standard streams, and
/// returns an exit code.
using ChosenCommand = std::function<int()>;

/// Adds `start`, `check-config` and `version`. Parsing sets `*chosen`. Both outlive the parse.
void AddServerCommands(CLI::App& app, ChosenCommand& chosen);

/// Adds `sql`, `get`, `put`, `ls`, `info`, `rm` and `actions`, clients of a running node, in the
/// same way. Such a command that gets SIGINT or SIGTERM cancels what it runs on the server and ends
/// the process with `kExitInterrupted`.
void AddClientCommands(CLI::App& app, ChosenCommand& chosen);

}  // namespace longbow::app
