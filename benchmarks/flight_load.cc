// Load on a Flight server from Arrow's own client, the same for every server that is compared.
//
// Usage: flight_load URI MODE CLIENTS SECONDS [OPTION=VALUE ...]
//   MODE  put    each client puts the data of `shape` under `path`, again and again
//         get    each client gets the flight under `path`, ticket by GetFlightInfo, again and again
//         info   GetFlightInfo of `path`
//         small  DoGet of the ticket of `path`
//         sql    GetFlightInfo of the command `command`, and DoGet of its ticket
//   OPTION  path=a/b  shape=numbers|mixed  rows=N  metadata=JSON (with the first batch)
//   command=TEXT
// Prints one JSON object: calls, bytes (of the Arrow data) and seconds. Each client has a
// connection of its own. Ends after the first call that ends behind SECONDS.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <arrow/util/byte_size.h>

namespace {

namespace fl = arrow::flight;
using Clock = std::chrono::steady_clock;

struct Load {
  std::string uri;
  std::string mode;
  int clients = 1;
  double seconds = 1;
  std::map<std::string, std::string> options;

  std::string Get(const std::string& name, const std::string& otherwise) const {
    auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
  }
};

struct Count {
  int64_t calls = 0;
  int64_t bytes = 0;
};

constexpr int64_t kBatchRows = 64 * 1024;

fl::FlightDescriptor PathDescriptor(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = text.find('/');; end = text.find('/', begin)) {
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return fl::FlightDescriptor::Path(parts);
}

/// Four float64 columns, or two numbers, a text and a flag with nulls.
arrow::Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> MakeBatches(
    const std::string& shape, int64_t rows) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int64_t begin = 0; begin < rows; begin += kBatchRows) {
    const int64_t count = std::min(kBatchRows, rows - begin);
    arrow::ArrayVector columns;
    arrow::FieldVector fields;
    for (int c = 0; c < (shape == "mixed" ? 2 : 4); ++c) {
      arrow::DoubleBuilder builder;
      ARROW_RETURN_NOT_OK(builder.Reserve(count));
      for (int64_t i = 0; i < count; ++i) builder.UnsafeAppend(static_cast<double>(begin + i) * c);
      ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
      columns.push_back(column);
      fields.push_back(arrow::field("f" + std::to_string(c), arrow::float64()));
    }
    if (shape == "mixed") {
      arrow::StringBuilder text;
      arrow::Int64Builder numbers;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t row = begin + i;
        ARROW_RETURN_NOT_OK(row % 7 == 0 ? text.AppendNull()
                                         : text.Append("text " + std::to_string(row % 1000)));
        ARROW_RETURN_NOT_OK(row % 5 == 0 ? numbers.AppendNull() : numbers.Append(row));
      }
      ARROW_ASSIGN_OR_RAISE(auto text_column, text.Finish());
      ARROW_ASSIGN_OR_RAISE(auto number_column, numbers.Finish());
      columns.push_back(text_column);
      columns.push_back(number_column);
      fields.push_back(arrow::field("text", arrow::utf8()));
      fields.push_back(arrow::field("number", arrow::int64()));
    }
    batches.push_back(arrow::RecordBatch::Make(arrow::schema(fields), count, columns));
  }
  return batches;
}

class Client {
 public:
  static arrow::Result<std::unique_ptr<Client>> Make(const Load& load) {
    auto client = std::unique_ptr<Client>(new Client());
    ARROW_ASSIGN_OR_RAISE(auto location, fl::Location::Parse(load.uri));
    ARROW_ASSIGN_OR_RAISE(client->client_, fl::FlightClient::Connect(location));
    client->descriptor_ = load.mode == "sql"
                              ? fl::FlightDescriptor::Command(load.Get("command", ""))
                              : PathDescriptor(load.Get("path", "bench/data"));
    client->metadata_ = load.Get("metadata", "");
    if (const std::string token = load.Get("token", ""); !token.empty()) {
      client->options_.headers.emplace_back("authorization", "Bearer " + token);
    }
    if (load.mode == "put") {
      ARROW_ASSIGN_OR_RAISE(client->batches_, MakeBatches(load.Get("shape", "numbers"),
                                                          std::stoll(load.Get("rows", "1048576"))));
      // Each client has a path of its own: they do not race for one.
      static std::atomic<int> next{0};
      client->descriptor_.path.push_back(std::to_string(next++));
      if (load.clients == 1) client->descriptor_.path.pop_back();
    }
    if (load.mode == "small" || load.mode == "get") {
      ARROW_RETURN_NOT_OK(client->Info().status());
    }
    return client;
  }

  arrow::Status Call(const std::string& mode, Count* count) {
    ++count->calls;
    if (mode == "put") return Put(count);
    if (mode == "info") return Info().status();
    if (mode == "sql") ARROW_RETURN_NOT_OK(Info().status());
    return Get(count);
  }

 private:
  arrow::Result<std::string> Info() {
    ARROW_ASSIGN_OR_RAISE(auto info, client_->GetFlightInfo(options_, descriptor_));
    if (info->endpoints().empty()) return arrow::Status::Invalid("no endpoint");
    ticket_ = info->endpoints().front().ticket;
    return ticket_.ticket;
  }

  arrow::Status Get(Count* count) {
    ARROW_ASSIGN_OR_RAISE(auto reader, client_->DoGet(options_, ticket_));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto chunk, reader->Next());
      if (!chunk.data) return arrow::Status::OK();
      ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::util::ReferencedBufferSize(*chunk.data));
      count->bytes += bytes;
    }
  }

  arrow::Status Put(Count* count) {
    ARROW_ASSIGN_OR_RAISE(auto put,
                          client_->DoPut(options_, descriptor_, batches_.front()->schema()));
    bool first = true;
    for (const auto& batch : batches_) {
      if (std::exchange(first, false) && !metadata_.empty()) {
        ARROW_RETURN_NOT_OK(
            put.writer->WriteWithMetadata(*batch, arrow::Buffer::FromString(metadata_)));
      } else {
        ARROW_RETURN_NOT_OK(put.writer->WriteRecordBatch(*batch));
      }
      ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::util::ReferencedBufferSize(*batch));
      count->bytes += bytes;
    }
    ARROW_RETURN_NOT_OK(put.writer->DoneWriting());
    return put.writer->Close();
  }

  std::unique_ptr<fl::FlightClient> client_;
  fl::FlightCallOptions options_;
  fl::FlightDescriptor descriptor_;
  fl::Ticket ticket_;
  std::string metadata_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
};

arrow::Status Run(const Load& load) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < load.clients; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto client, Client::Make(load));
    clients.push_back(std::move(client));
  }
  std::vector<Count> counts(clients.size());
  std::vector<arrow::Status> statuses(clients.size());
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(load.seconds);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] {
      do {
        statuses[i] = clients[i]->Call(load.mode, &counts[i]);
      } while (statuses[i].ok() && Clock::now() < end);
    });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  Count sum;
  for (size_t i = 0; i < counts.size(); ++i) {
    ARROW_RETURN_NOT_OK(statuses[i]);
    sum.calls += counts[i].calls;
    sum.bytes += counts[i].bytes;
  }
  std::cout << "{\"calls\": " << sum.calls << ", \"bytes\": " << sum.bytes
            << ", \"seconds\": " << seconds << "}\n";
  return arrow::Status::OK();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr
        << "usage: flight_load URI put|get|info|small|sql CLIENTS SECONDS [OPTION=VALUE ...]\n";
    return 2;
  }
  Load load;
  load.uri = argv[1];
  load.mode = argv[2];
  load.clients = std::stoi(argv[3]);
  load.seconds = std::stod(argv[4]);
  for (int i = 5; i < argc; ++i) {
    const std::string option = argv[i];
    const size_t equals = option.find('=');
    load.options[option.substr(0, equals)] = option.substr(equals + 1);
  }
  const arrow::Status status = Run(load);
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
