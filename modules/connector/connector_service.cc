#include "connector_service.h"

#include <iterator>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "column_names.h"

namespace longbow::connector {

ConnectorService::ConnectorService(std::map<std::string, std::unique_ptr<Source>> sources)
    : sources_(std::move(sources)) {
  description_.name = "connector";
  description_.version = "1";
  description_.summary =
      "Reads the sources of the settings: files in Parquet, CSV, JSON, Arrow IPC and ORC.";
  description_.fields = {{"source", PayloadField::Type::kString, true,
                          "The source's name, NAME of [connector.source.NAME]."}};
  for (auto& field : ReadRequestFields()) description_.fields.push_back(std::move(field));
  description_.takes_inputs = false;
}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> ConnectorService::Execute(
    const ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(Source* const source, FindSource(request.fields));
  ARROW_ASSIGN_OR_RAISE(auto read, ParseReadRequest(request.fields));
  read.used_columns = request.columns;
  return source->Read(read, request.task);
}

arrow::Result<std::shared_ptr<arrow::Schema>> ConnectorService::GetSchema(
    const ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(Source* const source, FindSource(request.fields));
  ARROW_ASSIGN_OR_RAISE(auto read, ParseReadRequest(request.fields));
  return source->GetSchema(read);
}

arrow::Result<std::vector<Service::Listing>> ConnectorService::List(int64_t limit) {
  std::vector<Listing> listings;
  for (const auto& [name, source] : sources_) {
    const int64_t left = limit - static_cast<int64_t>(listings.size());
    if (left < 1) break;
    auto listed = source->List(left);
    if (listed.ok()) {
      std::move(listed->begin(), listed->end(), std::back_inserter(listings));
      continue;
    }
    // It is there all the same; a command that reads it gets the error.
    Listing listing;
    listing.fields["source"] = name;
    listings.push_back(std::move(listing));
  }
  return listings;
}

arrow::Result<Source*> ConnectorService::FindSource(const Value::Object& fields) const {
  const std::string& name = fields.at("source").as_string();
  auto it = sources_.find(name);
  if (it != sources_.end()) return it->second.get();
  std::vector<std::string> names;
  for (const auto& [known, source] : sources_) names.push_back(known);
  if (names.empty()) {
    return MakeError(
        ErrorCode::kNotFound,
        "there is no source '" + name + "': the server's settings have no [connector.source.NAME]");
  }
  return MakeError(ErrorCode::kNotFound,
                   "there is no source '" + name + "'" + Suggestion(name, names));
}

}  // namespace longbow::connector
