// The program `longbow`: parses the command line, and runs what it chose.

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/nearest.h"
#include "commands.h"

namespace {

constexpr char kFooter[] = R"(
Exit codes: 0 success, 1 failure, 2 a wrong command line, wrong settings or a wrong module, 3 no server
there, 130 interrupted.

Examples:
  longbow start
  longbow start --config longbow.toml --dev-log
  longbow check-config --config longbow.toml
  longbow sql 'SELECT 42 AS answer'

`longbow COMMAND --help` tells more about a command.)";

// CLI11 would only say that a subcommand is missing.
bool ComplainOfUnknownCommand(const CLI::App& app, const std::string& word) {
  if (word.empty() || word[0] == '-') return false;
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
  for (const std::string& name : known) {
    if (name == word) return false;
  }
  const std::string nearest = longbow::NearestName(word, known);
  std::fprintf(stderr, "longbow: there is no command \"%s\"; %s\n", word.c_str(),
               nearest.empty() ? "`longbow --help` tells which there are"
                               : ("did you mean " + nearest + "?").c_str());
  return true;
}

int Run(int argc, char** argv) {
  CLI::App app("Longbow: data services over Arrow Flight. A server, and a client of any node.",
               "longbow");
  app.footer(kFooter);
  app.require_subcommand(1);
  longbow::app::ChosenCommand chosen;
  longbow::app::AddServerCommands(app, chosen);
  longbow::app::AddClientCommands(app, chosen);
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return longbow::app::kExitUsage;
  }
  if (ComplainOfUnknownCommand(app, argv[1])) return longbow::app::kExitUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Asking for help is no error; everything else is the one code for wrong usage.
    return app.exit(error) == 0 ? longbow::app::kExitOk : longbow::app::kExitUsage;
  }
  return chosen ? chosen() : longbow::app::kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "longbow: %s\n", error.what());
  } catch (...) {
    std::fputs("longbow: an unknown exception\n", stderr);
  }
  return longbow::app::kExitFailure;
}
