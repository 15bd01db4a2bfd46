#include "client_query.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <arrow/flight/client.h>
#include <arrow/table.h>

#include "client_failure.h"

namespace longbow::client {
namespace {

// Between polls of a server that answers at once instead of waiting for news.
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{250};
// How long an interrupt waits for the answer that tells what to cancel.
constexpr std::chrono::milliseconds kWaitForName{1000};

bool IsTimedOut(const arrow::Status& status) {
  auto detail = arrow::flight::FlightStatusDetail::UnwrapStatus(status);
  return detail != nullptr && detail->code() == arrow::flight::FlightStatusCode::TimedOut;
}

// The rows of a flight's endpoints, in their order.
class EndpointReader : public arrow::RecordBatchReader {
 public:
  EndpointReader(Connection* connection, std::vector<arrow::flight::FlightEndpoint> endpoints)
      : connection_(connection), endpoints_(std::move(endpoints)) {}
  ~EndpointReader() override {
    // Without this, the stream would be read to its end first.
    if (stream_ != nullptr) stream_->Cancel();
  }

  arrow::Status Open() {
    ARROW_RETURN_NOT_OK(OpenNext());
    ARROW_ASSIGN_OR_RAISE(schema_, stream_->GetSchema());
    return arrow::Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    while (true) {
      batch->reset();
      if (stream_ == nullptr) return arrow::Status::OK();
      ARROW_ASSIGN_OR_RAISE(auto chunk, stream_->Next());
      if (chunk.data != nullptr) {
        *batch = std::move(chunk.data);
        return arrow::Status::OK();
      }
      // A message with metadata only is no end.
      if (chunk.app_metadata != nullptr) continue;
      stream_.reset();
      if (next_ < endpoints_.size()) ARROW_RETURN_NOT_OK(OpenNext());
    }
  }

 private:
  arrow::Status OpenNext() {
    const auto& endpoint = endpoints_[next_++];
    ARROW_ASSIGN_OR_RAISE(auto* client, connection_->ClientFor(endpoint));
    ARROW_ASSIGN_OR_RAISE(stream_, client->DoGet(connection_->CallOptions(), endpoint.ticket));
    return arrow::Status::OK();
  }

  Connection* connection_;
  std::vector<arrow::flight::FlightEndpoint> endpoints_;
  size_t next_ = 0;
  std::unique_ptr<arrow::flight::FlightStreamReader> stream_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

Query::Query(Connection* connection, InterruptGuard* interrupts, Progress* progress)
    : connection_(connection), progress_(progress) {
  if (interrupts != nullptr) cleanup_ = interrupts->OnInterrupt([this] { Cancel(); });
}

Query::~Query() = default;

void Query::Know(std::unique_ptr<arrow::flight::FlightInfo> info) {
  std::lock_guard lock(mutex_);
  starting_ = false;
  if (info != nullptr) info_ = std::move(info);
  known_.notify_all();
}

void Query::Cancel() {
  std::shared_ptr<const arrow::flight::FlightInfo> info;
  {
    std::unique_lock lock(mutex_);
    if (!cancellable_) return;
    known_.wait_for(lock, kWaitForName, [this] { return !starting_; });
    info = info_;
    cancellable_ = false;
  }
  if (info == nullptr) return;
  arrow::flight::CancelFlightInfoRequest request(
      std::make_unique<arrow::flight::FlightInfo>(*info));
  // It may have ended by now; nothing depends on the answer.
  auto ignored = connection_->flight().CancelFlightInfo(connection_->LastCallOptions(), request);
  (void)ignored;
}

arrow::Status Query::Poll(const arrow::flight::FlightDescriptor& descriptor) {
  auto& client = connection_->flight();
  arrow::flight::FlightDescriptor next = descriptor;
  auto pause = kFirstPause;
  while (true) {
    const auto asked = std::chrono::steady_clock::now();
    auto polled = client.PollFlightInfo(connection_->CallOptions(), next);
    Know(polled.ok() ? std::move((*polled)->info) : nullptr);
    ARROW_RETURN_NOT_OK(polled.status());
    const arrow::flight::PollInfo& poll = **polled;
    progress_->SetFraction(poll.progress.value_or(-1));
    if (!poll.descriptor) break;
    next = *poll.descriptor;
    if (std::chrono::steady_clock::now() - asked < pause) {
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
    }
  }
  if (info_ == nullptr) return arrow::Status::Invalid("the server answered without a FlightInfo");
  return arrow::Status::OK();
}

arrow::Status Query::Run(const arrow::flight::FlightDescriptor& descriptor) {
  const bool by_command = descriptor.type == arrow::flight::FlightDescriptor::CMD;
  {
    std::lock_guard lock(mutex_);
    starting_ = cancellable_ = by_command;
  }
  arrow::Status status =
      by_command ? Poll(descriptor) : arrow::Status::NotImplemented("a path needs no polling");
  // Only Flight's own "unimplemented" means that the server does not poll.
  if (status.IsNotImplemented() && FromFlightClient(status).Equals(status)) {
    auto info = connection_->flight().GetFlightInfo(connection_->CallOptions(), descriptor);
    Know(info.ok() ? std::move(*info) : nullptr);
    status = info.status();
  }
  if (!status.ok() && IsTimedOut(status)) Cancel();
  progress_->SetFraction(-1);
  return status;
}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Query::OpenRows() {
  if (info_->endpoints().empty()) {
    // A flight may have no data at all; its schema is known.
    arrow::ipc::DictionaryMemo memo;
    ARROW_ASSIGN_OR_RAISE(auto schema, info_->GetSchema(&memo));
    ARROW_ASSIGN_OR_RAISE(auto empty, arrow::RecordBatch::MakeEmpty(schema));
    ARROW_ASSIGN_OR_RAISE(auto table, arrow::Table::FromRecordBatches(schema, {empty}));
    return std::make_unique<arrow::TableBatchReader>(std::move(table));
  }
  auto reader = std::make_unique<EndpointReader>(connection_, info_->endpoints());
  ARROW_RETURN_NOT_OK(reader->Open());
  return reader;
}

}  // namespace longbow::client
