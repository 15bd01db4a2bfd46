#include "catalog_commands.h"

#include <chrono>
#include <utility>

#include <arrow/api.h>
#include <arrow/flight/client.h>

#include <longbow/error.h>

#include "client_actions.h"
#include "client_failure.h"
#include "client_upload.h"
#include "data_file.h"
#include "display_text.h"
#include "flight_argument.h"
#include "flight_summary.h"
#include "listing.h"

namespace longbow::client {
namespace {

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

arrow::Result<FlightPath> ParsePathArgument(const std::string& text) {
  auto path = FlightPath::Parse(text);
  if (!path.ok()) return UsageError("'" + text + "': " + path.status().message());
  return path;
}

// What a FlightInfo says of a flight, but for its name. Other servers' do not say when it was made.
ListedFlight Listed(const arrow::flight::FlightInfo& info) {
  ListedFlight flight;
  flight.rows = info.total_records();
  flight.bytes = info.total_bytes();
  if (auto metadata = Value::FromJson(info.app_metadata()); metadata.ok()) {
    flight.created_us = TimeField(*metadata, "created");
  }
  if (!info.endpoints().empty() && info.endpoints()[0].expiration_time) {
    flight.expires_us = std::chrono::duration_cast<std::chrono::microseconds>(
                            info.endpoints()[0].expiration_time->time_since_epoch())
                            .count();
  }
  return flight;
}

arrow::Result<ListedFlight> ToListed(const arrow::flight::FlightInfo& info) {
  ListedFlight flight = Listed(info);
  const auto& descriptor = info.descriptor();
  if (descriptor.type != arrow::flight::FlightDescriptor::PATH) {
    flight.path = CommandAsArgument(descriptor.cmd);
    return flight;
  }
  ARROW_ASSIGN_OR_RAISE(const auto path, FlightPath::Make(descriptor.path));
  flight.path = path.ToString();
  return flight;
}

arrow::Result<std::vector<ListedFlight>> ListFlights(Connection* connection,
                                                     const Value::Object& criteria) {
  const arrow::flight::Criteria request{criteria.empty() ? "" : Value(criteria).ToJson()};
  ARROW_ASSIGN_OR_RAISE(auto listing,
                        connection->flight().ListFlights(connection->CallOptions(), request));
  std::vector<ListedFlight> flights;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto info, listing->Next());
    if (info == nullptr) return flights;
    ARROW_ASSIGN_OR_RAISE(auto flight, ToListed(*info));
    flights.push_back(std::move(flight));
  }
}

arrow::Status Put(const PutCommandOptions& options, Session* session) {
  const auto start = std::chrono::steady_clock::now();
  ARROW_ASSIGN_OR_RAISE(auto path, ParsePathArgument(options.path));
  std::optional<DataFormat> format;
  if (!options.file_format.empty()) {
    format = DataFormatFromName(options.file_format);
    if (!format) {
      return UsageError("--format '" + options.file_format +
                        "' is none of parquet, csv, json, arrow");
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenDataFile(options.file, format));
  Progress progress("sending", session->show_progress);
  ARROW_ASSIGN_OR_RAISE(const Receipt receipt,
                        Upload(session->connection.get(), reader.get(),
                               {path, options.if_exists, options.ttl_sec}, &progress));
  progress.Hide();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  Say(std::string(receipt.reused ? "kept " : "stored ") + SafeForTerminal(path.ToString()) +
      (receipt.reused ? ", which was there: " : ": ") + GroupedNumber(receipt.rows) + " rows, " +
      HumanBytes(receipt.bytes) + ", revision " + std::to_string(receipt.revision) + ", " +
      FormatSeconds(elapsed.count()) + "\n");
  return arrow::Status::OK();
}

arrow::Status List(const ListOptions& options, Session* session) {
  Value::Object criteria;
  if (!options.prefix.empty()) {
    std::string prefix = options.prefix;
    if (prefix.size() > 1 && prefix.back() == '/') prefix.pop_back();
    ARROW_ASSIGN_OR_RAISE(auto path, ParsePathArgument(prefix));
    criteria["prefix"] = PathValue(path);
  }
  // One more than is shown tells whether there are more.
  const int64_t limit = options.client.output.limit.value_or(0);
  if (limit > 0) criteria["limit"] = limit + 1;
  ARROW_ASSIGN_OR_RAISE(auto output, Output::Open(options.client.output, &session->interrupts));
  ARROW_ASSIGN_OR_RAISE(auto flights, ListFlights(session->connection.get(), criteria));
  const bool more = limit > 0 && static_cast<int64_t>(flights.size()) > limit;
  if (more) flights.resize(static_cast<size_t>(limit));
  const size_t count = flights.size();
  ARROW_ASSIGN_OR_RAISE(auto batch, FlightsBatch(flights, output->format(), NowMicros()));
  if (count > 0 || output->format() != Format::kTable) {
    ARROW_RETURN_NOT_OK(ShowBatch(batch, output.get()));
  }
  if (output->format() == Format::kTable) {
    Say(GroupedNumber(static_cast<int64_t>(count)) + (count == 1 ? " flight" : " flights") +
        (more ? " shown, there are more\n" : "\n"));
  }
  return arrow::Status::OK();
}

arrow::Result<FlightSummary> SummaryOfPath(Connection* connection, const FlightPath& path) {
  const auto descriptor = arrow::flight::FlightDescriptor::Path(path.parts());
  ARROW_ASSIGN_OR_RAISE(auto info,
                        connection->flight().GetFlightInfo(connection->CallOptions(), descriptor));
  FlightSummary summary;
  summary.flight = Listed(*info);
  summary.flight.path = path.ToString();
  if (auto metadata = Value::FromJson(info->app_metadata()); metadata.ok()) {
    summary.revision = IntegerField(*metadata, "revision");
  }
  for (const auto& endpoint : info->endpoints()) {
    if (endpoint.locations.empty()) summary.endpoints.emplace_back("this node");
    for (const auto& location : endpoint.locations)
      summary.endpoints.push_back(location.ToString());
  }
  arrow::ipc::DictionaryMemo memo;
  ARROW_ASSIGN_OR_RAISE(summary.schema, info->GetSchema(&memo));
  return summary;
}

arrow::Result<FlightSummary> SummaryOfCommand(Connection* connection, const Value& command) {
  const auto descriptor = arrow::flight::FlightDescriptor::Command(command.ToJson());
  ARROW_ASSIGN_OR_RAISE(auto result,
                        connection->flight().GetSchema(connection->CallOptions(), descriptor));
  FlightSummary summary;
  arrow::ipc::DictionaryMemo memo;
  ARROW_ASSIGN_OR_RAISE(summary.schema, result->GetSchema(&memo));
  return summary;
}

arrow::Status Info(const InfoOptions& options, Session* session) {
  ARROW_ASSIGN_OR_RAISE(auto flight,
                        ParseFlightArgument(options.flight, [](const auto&) { return false; }));
  OutputOptions output_options = options.client.output;
  if (output_options.format.empty() && output_options.file.empty()) output_options.format = "table";
  ARROW_ASSIGN_OR_RAISE(auto output, Output::Open(output_options, &session->interrupts));
  if (output->format() != Format::kTable && output->format() != Format::kJson) {
    return UsageError("`longbow info` has the formats table and json");
  }
  Connection* connection = session->connection.get();
  const auto* path = std::get_if<FlightPath>(&flight);
  ARROW_ASSIGN_OR_RAISE(
      const auto summary,
      path != nullptr ? SummaryOfPath(connection, *path)
                      : SummaryOfCommand(connection, std::get<CommandArgument>(flight).command));
  ARROW_RETURN_NOT_OK(output->stream()->Write(output->format() == Format::kJson
                                                  ? SummaryAsJson(summary)
                                                  : SummaryAsText(summary, NowMicros())));
  return output->Commit();
}

arrow::Status Remove(const RemoveOptions& options, Session* session) {
  Value::Object body;
  if (!options.prefix.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto prefix, ParsePathArgument(options.prefix));
    body["prefix"] = PathValue(prefix);
  }
  Value::List paths;
  for (const std::string& text : options.paths) {
    ARROW_ASSIGN_OR_RAISE(auto path, ParsePathArgument(text));
    paths.push_back(PathValue(path));
  }
  const auto wanted = static_cast<int64_t>(paths.size());
  if ((wanted == 0) == options.prefix.empty()) {
    return UsageError("name either paths or a --prefix");
  }
  if (wanted > 0) body["paths"] = std::move(paths);
  ARROW_ASSIGN_OR_RAISE(auto answer,
                        AskJson(session->connection.get(), "DeleteFlights", std::move(body)));
  const int64_t deleted = IntegerField(answer, "deleted");
  if (deleted > 0 || wanted == 0) {
    Say("deleted " + GroupedNumber(deleted) + (deleted == 1 ? " flight\n" : " flights\n"));
  }
  if (deleted >= wanted) return arrow::Status::OK();
  return MakeError(ErrorCode::kNotFound,
                   wanted == 1 ? "there is no flight at '" + options.paths.front() + "'"
                               : std::to_string(wanted - deleted) + " of the " +
                                     std::to_string(wanted) + " paths were not there");
}

arrow::Status Actions(const ActionsOptions& options, Session* session) {
  Connection* connection = session->connection.get();
  ARROW_ASSIGN_OR_RAISE(auto output, Output::Open(options.client.output, &session->interrupts));
  if (options.name.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto actions,
                          connection->flight().ListActions(connection->CallOptions()));
    std::vector<NamedText> rows;
    rows.reserve(actions.size());
    for (const auto& action : actions) rows.push_back({action.type, action.description});
    ARROW_ASSIGN_OR_RAISE(auto batch, NamesBatch("action", "description", rows));
    return ShowBatch(batch, output.get());
  }
  ARROW_ASSIGN_OR_RAISE(auto bodies, RunAction(connection, options.name, options.body));
  for (const std::string& body : bodies) {
    // Bytes as they are for a program; for people without what could steer the terminal.
    ARROW_RETURN_NOT_OK(
        output->stream()->Write((output->to_terminal() ? SafeForTerminal(body) : body) + "\n"));
  }
  return output->Commit();
}

}  // namespace

int RunPut(const PutCommandOptions& options) {
  return RunInSession(options.client, [&](Session& session) { return Put(options, &session); });
}

int RunList(const ListOptions& options) {
  return RunInSession(options.client, [&](Session& session) { return List(options, &session); });
}

int RunInfo(const InfoOptions& options) {
  return RunInSession(options.client, [&](Session& session) { return Info(options, &session); });
}

int RunRemove(const RemoveOptions& options) {
  return RunInSession(options.client, [&](Session& session) { return Remove(options, &session); });
}

int RunActions(const ActionsOptions& options) {
  return RunInSession(options.client, [&](Session& session) { return Actions(options, &session); });
}

}  // namespace longbow::client
