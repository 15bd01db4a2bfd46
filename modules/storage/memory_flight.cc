#include "memory_flight.h"

#include <string>

#include <longbow/error.h>

namespace longbow::storage {

namespace {

class FlightReader : public arrow::RecordBatchReader {
 public:
  FlightReader(std::shared_ptr<const StoredFlight> flight, const arrow::RecordBatchVector& batches)
      : flight_(std::move(flight)), batches_(batches) {}

  std::shared_ptr<arrow::Schema> schema() const override { return flight_->info().schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = next_ < batches_.size() ? batches_[next_++] : nullptr;
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<const StoredFlight> flight_;
  const arrow::RecordBatchVector& batches_;  // Lies in `flight_`.
  size_t next_ = 0;
};

}  // namespace

void MemoryFlight::Stamp(int64_t revision, WallTime created, std::optional<WallTime> expires) {
  info_.revision = revision;
  info_.created = created;
  info_.expires = expires;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MemoryFlight::Open() const {
  return std::make_shared<FlightReader>(shared_from_this(), data_.batches);
}

arrow::Result<std::shared_ptr<const IpcMessage>> MemoryFlight::message(int64_t index) const {
  if (index < 0 || index >= message_count()) {
    return MakeError(ErrorCode::kInternalError,
                     "message " + std::to_string(index) + " was asked of " + info_.path.ToString() +
                         ", which has " + std::to_string(message_count()));
  }
  return data_.messages[index];
}

}  // namespace longbow::storage
