#include "sql_command.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <utility>

#include <arrow/api.h>
#include <arrow/flight/types.h>

#include "client_actions.h"
#include "client_failure.h"
#include "client_query.h"
#include "client_upload.h"
#include "flight_argument.h"

namespace longbow::client {
namespace {

using arrow::flight::FlightDescriptor;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

arrow::Result<std::string> ReadQuery(const std::string& text) {
  std::string query = text;
  if (text == "-") {
    query.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (!text.empty() && text.front() == '@') {
    std::ifstream file(text.substr(1), std::ios::binary);
    if (!file) return UsageError("cannot read the query from '" + text.substr(1) + "'");
    query.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (query.find_first_not_of(" \t\r\n;") == std::string::npos) {
    return UsageError("the query is empty");
  }
  return query;
}

// Rows, and on a terminal what they were, to standard error.
arrow::Status ShowRows(Query* query, Progress* progress, Output* output, const Stopwatch& watch) {
  ARROW_ASSIGN_OR_RAISE(auto rows, query->OpenRows());
  ARROW_ASSIGN_OR_RAISE(const Shown shown,
                        ShowResult(rows.get(), query->info().total_records(), progress, output));
  ARROW_RETURN_NOT_OK(output->Commit());
  if (output->format() == Format::kTable || StandardErrorIsTerminal()) {
    Say(Summary(shown, watch.seconds()));
  }
  return arrow::Status::OK();
}

// What became of a sink: one row.
arrow::Status ShowStored(const Query& query, const FlightPath& path, Output* output) {
  const auto metadata = Value::FromJson(query.info().app_metadata());
  const bool reused = metadata.ok() && metadata->Find("reused") != nullptr;
  const int64_t revision = metadata.ok() ? IntegerField(*metadata, "revision") : 0;
  arrow::StringBuilder paths;
  arrow::Int64Builder rows;
  arrow::Int64Builder bytes;
  arrow::Int64Builder revisions;
  arrow::BooleanBuilder reuses;
  ARROW_RETURN_NOT_OK(paths.Append(path.ToString()));
  ARROW_RETURN_NOT_OK(rows.Append(query.info().total_records()));
  ARROW_RETURN_NOT_OK(bytes.Append(query.info().total_bytes()));
  ARROW_RETURN_NOT_OK(revisions.Append(revision));
  ARROW_RETURN_NOT_OK(reuses.Append(reused));
  std::vector<std::shared_ptr<arrow::Array>> columns(5);
  ARROW_RETURN_NOT_OK(paths.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(rows.Finish(&columns[1]));
  ARROW_RETURN_NOT_OK(bytes.Finish(&columns[2]));
  ARROW_RETURN_NOT_OK(revisions.Finish(&columns[3]));
  ARROW_RETURN_NOT_OK(reuses.Finish(&columns[4]));
  auto schema = arrow::schema(
      {arrow::field("stored", arrow::utf8()), arrow::field("rows", arrow::int64()),
       arrow::field("bytes", arrow::int64()), arrow::field("revision", arrow::int64()),
       arrow::field("reused", arrow::boolean())});
  return ShowBatch(arrow::RecordBatch::Make(std::move(schema), 1, std::move(columns)), output);
}

arrow::Result<SqlRequest> MakeRequest(const SqlOptions& options) {
  SqlRequest request;
  ARROW_ASSIGN_OR_RAISE(request.query, ReadQuery(options.query));
  for (const std::string& text : options.inputs) {
    ARROW_ASSIGN_OR_RAISE(auto input, ParseInputArgument(text));
    for (const InputArgument& other : request.inputs) {
      if (other.name == input.name) {
        return UsageError("--input " + input.name + ": there are two inputs of that name");
      }
    }
    request.inputs.push_back(std::move(input));
  }
  if (!options.sink.empty()) {
    auto path = FlightPath::Parse(options.sink);
    if (!path.ok()) return UsageError("--sink '" + options.sink + "': " + path.status().message());
    request.sink = *path;
  }
  request.if_exists = options.if_exists;
  request.ttl_sec = options.ttl_sec;
  request.cache = options.cache;
  if (request.sink && request.cache) return UsageError("--sink and --cache exclude each other");
  if (!request.sink && (!request.if_exists.empty() || (request.ttl_sec && !request.cache))) {
    return UsageError("--if-exists and --ttl are about a --sink; there is none");
  }
  return request;
}

arrow::Status Sql(const SqlOptions& options, SqlRequest request, Session* session) {
  const Stopwatch watch;
  ARROW_ASSIGN_OR_RAISE(auto output, Output::Open(options.client.output, &session->interrupts));
  Progress progress("running", session->show_progress);
  TemporaryFlights files(session->connection.get(), &session->interrupts, &progress);
  ARROW_RETURN_NOT_OK(files.UploadFiles(&request.inputs));
  progress.SetVerb("running");
  const auto descriptor = FlightDescriptor::Command(MakeSqlCommand(request).ToJson());
  Query query(session->connection.get(), &session->interrupts, &progress);
  ARROW_RETURN_NOT_OK(query.Run(descriptor));
  if (!request.sink) return ShowRows(&query, &progress, output.get(), watch);
  progress.Hide();
  ARROW_RETURN_NOT_OK(ShowStored(query, *request.sink, output.get()));
  if (output->format() == Format::kTable) Say(Summary({.rows = 1}, watch.seconds()));
  return arrow::Status::OK();
}

// The command as it would be sent, for copying into a program. Nothing is sent.
arrow::Status PrintCommand(const SqlRequest& request) {
  for (const InputArgument& input : request.inputs) {
    if (const auto* file = std::get_if<LocalFile>(&input.source)) {
      return UsageError("--print-command: '" + file->path +
                        "' would have to be uploaded first; put it under a path");
    }
  }
  const std::string json = MakeSqlCommand(request).ToJson() + "\n";
  std::fwrite(json.data(), 1, json.size(), stdout);
  return std::fflush(stdout) == 0 ? arrow::Status::OK()
                                  : arrow::Status::IOError("cannot write to standard output");
}

arrow::Result<FlightDescriptor> DescriptorOf(const std::string& text) {
  // A file is nothing that a server has.
  ARROW_ASSIGN_OR_RAISE(auto flight, ParseFlightArgument(text, [](const auto&) { return false; }));
  if (const auto* path = std::get_if<FlightPath>(&flight)) {
    return FlightDescriptor::Path(path->parts());
  }
  return FlightDescriptor::Command(std::get<CommandArgument>(flight).command.ToJson());
}

}  // namespace

int RunSql(const SqlOptions& options) {
  return RunInSession(options.client, [&](Session& session) -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto request, MakeRequest(options));
    if (options.print_command) return PrintCommand(request);
    return Sql(options, std::move(request), &session);
  });
}

int RunGet(const GetOptions& options) {
  return RunInSession(options.client, [&](Session& session) -> arrow::Status {
    const Stopwatch watch;
    ARROW_ASSIGN_OR_RAISE(const auto descriptor, DescriptorOf(options.flight));
    ARROW_ASSIGN_OR_RAISE(auto output, Output::Open(options.client.output, &session.interrupts));
    Progress progress("running", session.show_progress);
    Query query(session.connection.get(), &session.interrupts, &progress);
    ARROW_RETURN_NOT_OK(query.Run(descriptor));
    return ShowRows(&query, &progress, output.get(), watch);
  });
}

}  // namespace longbow::client
