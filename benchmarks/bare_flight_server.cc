// The limit that Longbow is measured against: the least that an Arrow C++ Flight server can do. It
// keeps what is put in a map, hands it out as it came, and runs SQL on a DuckDB of its own inside
// GetFlightInfo: no tasks, no inputs, no tickets that are checked, no limits.
//
// Usage: bare_flight_server PORT (0: a free one); prints the port.

#include <atomic>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/flight/api.h>

#include <duckdb.hpp>
#include <duckdb/common/arrow/arrow_appender.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>

namespace {

namespace fl = arrow::flight;

struct Kept {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  int64_t rows = 0;
};

std::string Key(const fl::FlightDescriptor& descriptor) {
  std::string key;
  for (const auto& part : descriptor.path) key += part + '/';
  return key;
}

class BareServer : public fl::FlightServerBase {
 public:
  BareServer() : database_(nullptr) {
    duckdb::Connection connection(database_);
    connection.Query(
        "CREATE TABLE t AS SELECT range AS id, range % 7 AS grp, range * 1.5 AS value "
        "FROM range(100)");
  }

  arrow::Status GetFlightInfo(const fl::ServerCallContext&, const fl::FlightDescriptor& request,
                              std::unique_ptr<fl::FlightInfo>* info) override {
    std::string key = Key(request);
    if (request.type == fl::FlightDescriptor::CMD) {
      ARROW_ASSIGN_OR_RAISE(key, RunQuery(request.cmd));
    }
    std::lock_guard lock(mutex_);
    auto found = kept_.find(key);
    if (found == kept_.end()) return arrow::Status::KeyError(key);
    fl::FlightEndpoint endpoint;
    endpoint.ticket.ticket = key;
    ARROW_ASSIGN_OR_RAISE(auto made, fl::FlightInfo::Make(*found->second->schema, request,
                                                          {endpoint}, found->second->rows, -1));
    *info = std::make_unique<fl::FlightInfo>(std::move(made));
    return arrow::Status::OK();
  }

  arrow::Status DoGet(const fl::ServerCallContext&, const fl::Ticket& request,
                      std::unique_ptr<fl::FlightDataStream>* stream) override {
    std::shared_ptr<Kept> kept;
    {
      std::lock_guard lock(mutex_);
      auto found = kept_.find(request.ticket);
      if (found == kept_.end()) return arrow::Status::KeyError(request.ticket);
      kept = found->second;
      if (request.ticket.starts_with("query/")) kept_.erase(found);
    }
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::RecordBatchReader::Make(kept->batches, kept->schema));
    *stream = std::make_unique<fl::RecordBatchStream>(std::move(reader));
    return arrow::Status::OK();
  }

  arrow::Status DoPut(const fl::ServerCallContext&, std::unique_ptr<fl::FlightMessageReader> reader,
                      std::unique_ptr<fl::FlightMetadataWriter>) override {
    auto kept = std::make_shared<Kept>();
    ARROW_ASSIGN_OR_RAISE(kept->schema, reader->GetSchema());
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto chunk, reader->Next());
      if (!chunk.data) break;
      kept->rows += chunk.data->num_rows();
      kept->batches.push_back(std::move(chunk.data));
    }
    std::lock_guard lock(mutex_);
    kept_[Key(reader->descriptor())] = std::move(kept);
    return arrow::Status::OK();
  }

 private:
  arrow::Result<std::string> RunQuery(const std::string& sql) {
    thread_local duckdb::Connection connection(database_);
    auto result = connection.Query(sql);
    if (result->HasError()) return arrow::Status::Invalid(result->GetError());
    auto kept = std::make_shared<Kept>();
    ArrowSchema c_schema;
    auto options = connection.context->GetClientProperties();
    duckdb::ArrowConverter::ToArrowSchema(&c_schema, result->types, result->names, options);
    ARROW_ASSIGN_OR_RAISE(kept->schema, arrow::ImportSchema(&c_schema));
    while (auto chunk = result->Fetch()) {
      if (chunk->size() == 0) break;
      ArrowArray c_array;
      auto extensions =
          duckdb::ArrowTypeExtensionData::GetExtensionTypes(*connection.context, result->types);
      duckdb::ArrowConverter::ToArrowArray(*chunk, &c_array, options, extensions);
      ARROW_ASSIGN_OR_RAISE(auto batch, arrow::ImportRecordBatch(&c_array, kept->schema));
      kept->rows += batch->num_rows();
      kept->batches.push_back(std::move(batch));
    }
    std::string key = "query/" + std::to_string(next_query_.fetch_add(1));
    std::lock_guard lock(mutex_);
    kept_[key] = std::move(kept);
    return key;
  }

  duckdb::DuckDB database_;
  std::atomic<int64_t> next_query_{0};
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Kept>> kept_;
};

arrow::Status Run(int port) {
  BareServer server;
  ARROW_ASSIGN_OR_RAISE(auto location, fl::Location::ForGrpcTcp("127.0.0.1", port));
  ARROW_RETURN_NOT_OK(server.Init(fl::FlightServerOptions(location)));
  ARROW_RETURN_NOT_OK(server.SetShutdownOnSignals({SIGTERM, SIGINT}));
  std::cout << server.port() << std::endl;
  return server.Serve();
}

}  // namespace

int main(int argc, char** argv) {
  arrow::Status status = Run(argc > 1 ? std::stoi(argv[1]) : 0);
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
