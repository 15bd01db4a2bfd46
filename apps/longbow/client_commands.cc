// The command line of the client commands: options, help and examples.

#include "commands.h"

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "catalog_commands.h"
#include "sql_command.h"

namespace longbow::app {
namespace {

using client::ClientOptions;

constexpr char kConnectionGroup[] = "Connection";
constexpr char kOutputGroup[] = "Output";

constexpr char kSqlFooter[] = R"(
What an input FLIGHT may be:
  raw/sales                    a stored flight (path:raw/sales.csv if a file has that name, too)
  connector:nyc/flights.csv    a source of the server's settings, or a file within it
  '{"service": ...}'           any command, as JSON
  @FILE, ./FILE, /FILE         a file of this machine: Parquet, CSV, newline JSON or Arrow
  sales.parquet                such a file, too, if it exists here and its ending is known
A file is uploaded under tmp/ before the query and deleted after it.

Examples:
  longbow sql 'SELECT 42 AS answer'
  longbow sql 'SELECT origin, count(*) AS n FROM f GROUP BY origin' -i f=connector:nyc/flights.csv
  longbow sql 'SELECT * FROM s JOIN fx USING (currency)' -i s=raw/sales -i fx=rates.parquet
  longbow sql @report.sql -i s=raw/sales --sink reports/q1 --if-exists replace --ttl 3600
  longbow sql 'FROM s' -i s=raw/sales -o sales.parquet

With --sink (or --cache) the result is stored on the server; with --sink one row says where, instead
of the result: read it with `longbow get`.)";

constexpr char kGetFooter[] = R"(
Examples:
  longbow get reports/q1
  longbow get reports/q1 -o q1.parquet
  longbow get connector:nyc/airlines.csv --limit 5
  longbow get '{"service": "sql", "payload": {"query": "SELECT 1"}}' -f json)";

constexpr char kPutFooter[] = R"(
The flight appears when all of it has arrived, or not at all.

Examples:
  longbow put raw/sales sales.parquet
  longbow put raw/sales sales.csv.gz --if-exists replace --ttl 3600
  longbow get raw/sales -f arrow | longbow put backup/sales -)";

constexpr char kListFooter[] = R"(
Examples:
  longbow ls
  longbow ls reports/2026
  longbow ls -f json | jq -r .path)";

constexpr char kInfoFooter[] = R"(
Of a command it tells the schema of the result; the command is not run where its service can tell
without.

Examples:
  longbow info reports/q1
  longbow info connector:nyc/flights.csv
  longbow info reports/q1 -f json)";

constexpr char kRemoveFooter[] = R"(
All of them are deleted in one step. Who is reading one can go on. Exit code 1 if one was not there.

Examples:
  longbow rm reports/q1 reports/q2
  longbow rm --prefix reports)";

constexpr char kActionsFooter[] = R"(
Examples:
  longbow actions
  longbow actions ListServices
  longbow actions CancelTask '{"task": "..."}')";

constexpr char kExitCodes[] =
    "\nExit codes: 0 done, 1 the server or the data said no, 2 wrong usage, 3 no server answers, "
    "130 interrupted.";

// The options that all have.
void AddConnectionOptions(CLI::App* command, ClientOptions* options) {
  command
      ->add_option("-s,--server", options->connection.server,
                   "The node: grpc://HOST:PORT, grpc+tls://HOST:PORT or grpc+unix:///PATH")
      ->envname("LONGBOW_SERVER")
      ->capture_default_str()
      ->type_name("URI")
      ->group(kConnectionGroup);
  command
      ->add_option("--token", options->connection.token,
                   "Sent as `authorization: Bearer TOKEN`; better in the environment than here")
      ->envname("LONGBOW_TOKEN")
      ->type_name("TOKEN")
      ->group(kConnectionGroup);
  command->add_option("--header", options->connection.headers, "A header to send; may be repeated")
      ->type_name("NAME=VALUE")
      ->type_size(1)
      ->allow_extra_args(false)
      ->group(kConnectionGroup);
  command
      ->add_option("--timeout", options->connection.timeout_sec,
                   "Seconds after which the command is cancelled")
      ->check(CLI::PositiveNumber)
      ->type_name("SEC")
      ->group(kConnectionGroup);
  command
      ->add_option("--tls-ca", options->connection.tls_ca_file,
                   "PEM file of the authorities to trust with grpc+tls")
      ->type_name("FILE")
      ->group(kConnectionGroup);
  command
      ->add_option("--tls-cert", options->connection.tls_cert_file,
                   "PEM file with a certificate to show to the server, with its chain")
      ->envname("LONGBOW_TLS_CERT")
      ->type_name("FILE")
      ->group(kConnectionGroup);
  command->add_option("--tls-key", options->connection.tls_key_file, "PEM file with its key")
      ->envname("LONGBOW_TLS_KEY")
      ->type_name("FILE")
      ->group(kConnectionGroup);
}

void AddOutputOptions(CLI::App* command, ClientOptions* options) {
  command
      ->add_option("-f,--format", options->output.format,
                   "table, csv, json (an object per line), arrow (an IPC stream) or parquet. "
                   "Default: by the ending of --output, else a table on a terminal, else csv")
      ->type_name("FORMAT")
      ->group(kOutputGroup);
  command
      ->add_option("-o,--output", options->output.file,
                   "Write to a file, which appears when it is complete")
      ->type_name("FILE")
      ->group(kOutputGroup);
  command
      ->add_option("-n,--limit", options->output.limit,
                   "Rows to write; 0: all. Default: 40 of a table on a terminal, else all")
      ->check(CLI::NonNegativeNumber)
      ->type_name("ROWS")
      ->group(kOutputGroup);
}

void AddStoringOptions(CLI::App* command, std::string* if_exists, std::optional<int64_t>* ttl_sec) {
  command
      ->add_option(
          "--if-exists", *if_exists,
          "What to do when the path is taken: error (the default), reuse what is there, or "
          "replace it")
      ->check(CLI::IsMember({"error", "reuse", "replace"}, CLI::ignore_case))
      ->type_name("POLICY");
  command->add_option("--ttl", *ttl_sec, "Seconds after which the flight is deleted")
      ->check(CLI::PositiveNumber)
      ->type_name("SEC");
}

// A sub-command whose options live as long as the app.
template <typename Options>
struct Command {
  CLI::App* app;
  std::shared_ptr<Options> options;
};

template <typename Options>
Command<Options> AddCommand(CLI::App& app, const char* name, const char* summary,
                            const char* footer, ChosenCommand& chosen, int (*run)(const Options&)) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer(std::string(footer).substr(1) + "\n" + kExitCodes);
  AddConnectionOptions(command, &options->client);
  command->callback([options, &chosen, run] { chosen = [options, run] { return run(*options); }; });
  return {command, options};
}

void AddSql(CLI::App& app, ChosenCommand& chosen) {
  auto [command, options] = AddCommand<client::SqlOptions>(
      app, "sql", "Run a query over stored flights, sources of the server, or local files",
      kSqlFooter, chosen, client::RunSql);
  command
      ->add_option("query", options->query,
                   "DuckDB SQL; - reads it from standard input, @FILE from "
                   "a file")
      ->type_name("QUERY")
      ->required();
  command
      ->add_option("-i,--input", options->inputs,
                   "A table that the query can use; may be repeated. See below")
      ->type_name("NAME=FLIGHT")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--sink", options->sink, "Store the result under this path of the server")
      ->type_name("PATH");
  AddStoringOptions(command, &options->if_exists, &options->ttl_sec);
  command->add_flag("--cache", options->cache,
                    "Keep the result on the server, and answer the same command from there");
  command->add_flag("--print-command", options->print_command,
                    "Print the command as JSON, for use in a program, and do not run it");
  AddOutputOptions(command, &options->client);
}

void AddGet(CLI::App& app, ChosenCommand& chosen) {
  auto [command, options] = AddCommand<client::GetOptions>(
      app, "get", "Read a stored flight, or the result of any command", kGetFooter, chosen,
      client::RunGet);
  command
      ->add_option("flight", options->flight,
                   "A path, connector:SOURCE[/PATH], or a command as JSON")
      ->type_name("FLIGHT")
      ->required();
  AddOutputOptions(command, &options->client);
}

void AddPut(CLI::App& app, ChosenCommand& chosen) {
  auto [command, options] = AddCommand<client::PutCommandOptions>(
      app, "put", "Store a local file under a path", kPutFooter, chosen, client::RunPut);
  command->add_option("path", options->path, "Where to store it")->type_name("PATH")->required();
  command
      ->add_option("file", options->file,
                   "Parquet, CSV, newline JSON or Arrow IPC; all but the first also as .gz, .zst, "
                   ".bz2 or .lz4; - is an Arrow stream on standard input")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("-f,--format", options->file_format,
                   "What is in the file: parquet, csv, json or arrow. Default: by its ending")
      ->type_name("FORMAT");
  AddStoringOptions(command, &options->if_exists, &options->ttl_sec);
}

void AddCatalog(CLI::App& app, ChosenCommand& chosen) {
  auto list =
      AddCommand<client::ListOptions>(app, "ls", "List stored flights, and what services offer",
                                      kListFooter, chosen, client::RunList);
  list.app->add_option("prefix", list.options->prefix, "Only below this path")->type_name("PREFIX");
  AddOutputOptions(list.app, &list.options->client);

  auto info = AddCommand<client::InfoOptions>(
      app, "info", "Tell schema, size and place of a flight, without its data", kInfoFooter, chosen,
      client::RunInfo);
  info.app
      ->add_option("flight", info.options->flight,
                   "A path, connector:SOURCE[/PATH], or a command as JSON")
      ->type_name("FLIGHT")
      ->required();
  AddOutputOptions(info.app, &info.options->client);

  auto remove = AddCommand<client::RemoveOptions>(app, "rm", "Delete stored flights", kRemoveFooter,
                                                  chosen, client::RunRemove);
  remove.app->add_option("paths", remove.options->paths, "What to delete")->type_name("PATH");
  remove.app->add_option("--prefix", remove.options->prefix, "Delete all below this path instead")
      ->type_name("PREFIX");

  auto actions =
      AddCommand<client::ActionsOptions>(app, "actions", "List the node's actions, or run one",
                                         kActionsFooter, chosen, client::RunActions);
  actions.app->add_option("name", actions.options->name, "The action to run; none: list them")
      ->type_name("NAME");
  actions.app->add_option("body", actions.options->body, "Its body, usually JSON")
      ->type_name("BODY");
  AddOutputOptions(actions.app, &actions.options->client);
}

}  // namespace

void AddClientCommands(CLI::App& app, ChosenCommand& chosen) {
  AddSql(app, chosen);
  AddGet(app, chosen);
  AddPut(app, chosen);
  AddCatalog(app, chosen);
}

}  // namespace longbow::app
