/// \file
/// What `longbow` can do, as sub-commands of one command line. `main` makes the `CLI::App`, adds both
/// groups, parses, and returns `*exit_code`; a parse error that is not a request for help is exit
/// code 2.
#pragma once

namespace CLI {
class App;
}

namespace longbow {

/// Exit codes of the program, for scripts.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,        ///< The server (or the data) said no.
  kExitUsage = 2,         ///< The command line or the settings are wrong.
  kExitUnreachable = 3,   ///< No server answers.
  kExitInterrupted = 130  ///< Ctrl-C.
};

/// Adds `sql`, `get`, `put`, `ls`, `info`, `rm` and `actions`: clients of a running node. Each runs
/// inside the parse (as its callback), blocks until done, writes to the standard streams, and sets
/// `*exit_code`. `app` and `exit_code` outlive the parse. A client command that gets SIGINT or
/// SIGTERM cancels what it runs on the server and ends the process with 130.
void AddClientCommands(CLI::App& app, int* exit_code);

/// Adds `start`, `check-config` and `version`, in the same way.
void AddServerCommands(CLI::App& app, int* exit_code);

}  // namespace longbow
