/// \file
/// A small store of flights in memory, for tests of what uses a `FlightStore`.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type.h>

#include <longbow/error.h>
#include <longbow/flight_store.h>
#include <longbow/ipc_encoder.h>

namespace longbow::testing {

/// Thread-safe; nothing blocks. Flights that it gave may outlive it.
class FakeFlightStore : public FlightStore {
 public:
  /// `clock` outlives the store. The limit is on the bytes of messages.
  explicit FakeFlightStore(const Clock* clock, int64_t limit_bytes = int64_t{1} << 40)
      : clock_(clock), budget_(std::make_shared<Budget>(limit_bytes)) {}

  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(PutRequest request) override {
    if (request.if_exists != IfExists::kReplace && Find(request.path) != nullptr) {
      return Taken(request.path);
    }
    ARROW_ASSIGN_OR_RAISE(auto encoder, IpcEncoder::Make(request.schema));
    ARROW_ASSIGN_OR_RAISE(IpcMessage schema, encoder->EncodeSchema());
    auto flight = std::make_shared<Flight>(
        StoredFlightInfo{request.path, 0, request.schema, 0, 0, {}, {}}, budget_);
    flight->messages.push_back(std::make_shared<const IpcMessage>(std::move(schema)));
    return std::make_unique<Put>(this, std::move(request), std::move(encoder), std::move(flight));
  }

  std::shared_ptr<const StoredFlight> Find(const FlightPath& path,
                                           std::optional<int64_t> revision = {}) const override {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Flight> flight = Live(path);
    if (flight == nullptr ||
        revision.value_or(flight->stored.revision) != flight->stored.revision) {
      return nullptr;
    }
    return flight;
  }

  std::vector<StoredFlightInfo> List(const std::vector<std::string>& prefix,
                                     int64_t limit) const override {
    std::lock_guard lock(mutex_);
    std::vector<StoredFlightInfo> infos;
    for (const auto& [path, flight] : flights_) {
      if (static_cast<int64_t>(infos.size()) >= limit) break;
      if (path.StartsWith(prefix) && Live(path) != nullptr) infos.push_back(flight->stored);
    }
    return infos;
  }

  arrow::Result<int64_t> Delete(const std::vector<FlightPath>& paths) override {
    std::lock_guard lock(mutex_);
    int64_t deleted = 0;
    for (const FlightPath& path : paths) {
      if (Live(path) == nullptr) continue;
      flights_.erase(path);
      ++deleted;
    }
    if (deleted > 0) ++revision_;
    return deleted;
  }

  arrow::Result<int64_t> DeletePrefix(const std::vector<std::string>& prefix) override {
    if (prefix.empty()) {
      return MakeError(ErrorCode::kBadArgument, "An empty prefix would delete all flights");
    }
    std::vector<FlightPath> paths;
    for (const StoredFlightInfo& info : List(prefix, std::numeric_limits<int64_t>::max())) {
      paths.push_back(info.path);
    }
    return Delete(paths);
  }

  int64_t revision() const override {
    std::lock_guard lock(mutex_);
    return revision_;
  }

 private:
  /// Bytes in use, of flights that somebody holds too.
  struct Budget {
    explicit Budget(int64_t limit) : limit(limit) {}
    bool Reserve(int64_t bytes) {
      std::lock_guard lock(mutex);
      if (used + bytes > limit) return false;
      used += bytes;
      return true;
    }
    void Release(int64_t bytes) {
      std::lock_guard lock(mutex);
      used -= bytes;
    }
    std::mutex mutex;
    const int64_t limit;
    int64_t used = 0;
  };

  class Flight : public StoredFlight {
   public:
    Flight(StoredFlightInfo info, std::shared_ptr<Budget> budget)
        : stored(std::move(info)), budget_(std::move(budget)) {}
    ~Flight() override { budget_->Release(stored.bytes); }

    bool Reserve(int64_t bytes) {
      if (!budget_->Reserve(bytes)) return false;
      stored.bytes += bytes;
      return true;
    }

    int64_t limit() const { return budget_->limit; }

    const StoredFlightInfo& info() const override { return stored; }
    arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() const override {
      return arrow::RecordBatchReader::Make(batches, stored.schema);
    }
    int64_t message_count() const override { return static_cast<int64_t>(messages.size()); }
    arrow::Result<std::shared_ptr<const IpcMessage>> message(int64_t index) const override {
      if (index < 0 || index >= message_count()) return arrow::Status::IndexError("no message");
      return messages[static_cast<size_t>(index)];
    }

    // Constant once it is committed.
    StoredFlightInfo stored;
    arrow::RecordBatchVector batches;
    std::vector<std::shared_ptr<const IpcMessage>> messages;

   private:
    std::shared_ptr<Budget> budget_;
  };

  class Put : public FlightPut {
   public:
    Put(FakeFlightStore* store, PutRequest request, std::unique_ptr<IpcEncoder> encoder,
        std::shared_ptr<Flight> flight)
        : store_(store),
          request_(std::move(request)),
          encoder_(std::move(encoder)),
          flight_(std::move(flight)) {}

    arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) override {
      if (!batch->schema()->Equals(*request_.schema)) {
        return MakeError(ErrorCode::kBadArgument, "The batch has another schema than the put");
      }
      std::vector<IpcMessage> messages;
      ARROW_RETURN_NOT_OK(encoder_->Encode(batch, &messages));
      flight_->stored.rows += batch->num_rows();
      flight_->batches.push_back(std::move(batch));
      return Keep(std::move(messages));
    }

    arrow::Result<StoredFlightInfo> Commit() override {
      std::vector<IpcMessage> messages;
      ARROW_RETURN_NOT_OK(encoder_->Flush(&messages));
      ARROW_RETURN_NOT_OK(Keep(std::move(messages)));
      return store_->Publish(request_, std::move(flight_));
    }

   private:
    arrow::Status Keep(std::vector<IpcMessage> messages) {
      for (IpcMessage& message : messages) {
        int64_t bytes = message.body_bytes + message.metadata->size();
        if (!flight_->Reserve(bytes)) {
          store_->DropExpired();
          if (!flight_->Reserve(bytes)) {
            return flight_->stored.bytes + bytes > flight_->limit()
                       ? MakeError(ErrorCode::kResourceExhausted, "The flight is too large")
                       : MakeError(ErrorCode::kBackpressure, "The store is full; try again later");
          }
        }
        flight_->messages.push_back(std::make_shared<const IpcMessage>(std::move(message)));
      }
      return arrow::Status::OK();
    }

    FakeFlightStore* store_;
    PutRequest request_;
    std::unique_ptr<IpcEncoder> encoder_;
    std::shared_ptr<Flight> flight_;
  };

  static arrow::Status Taken(const FlightPath& path) {
    return MakeError(ErrorCode::kAlreadyExists, "There is a flight under " + path.ToString());
  }

  /// What is under `path` and has not expired. With the lock held.
  std::shared_ptr<Flight> Live(const FlightPath& path) const {
    auto it = flights_.find(path);
    if (it == flights_.end()) return nullptr;
    const std::optional<WallTime>& expires = it->second->stored.expires;
    return expires.has_value() && *expires <= clock_->WallNow() ? nullptr : it->second;
  }

  void DropExpired() {
    std::lock_guard lock(mutex_);
    for (auto it = flights_.begin(); it != flights_.end();) {
      it = Live(it->first) == nullptr ? flights_.erase(it) : std::next(it);
    }
  }

  arrow::Result<StoredFlightInfo> Publish(const PutRequest& request,
                                          std::shared_ptr<Flight> flight) {
    std::lock_guard lock(mutex_);
    if (request.if_exists != IfExists::kReplace && Live(request.path) != nullptr) {
      return Taken(request.path);
    }
    flight->stored.revision = ++revision_;
    flight->stored.created = clock_->WallNow();
    if (request.ttl_sec.has_value()) {
      flight->stored.expires = flight->stored.created + std::chrono::seconds(*request.ttl_sec);
    }
    flights_.insert_or_assign(request.path, flight);
    return flight->stored;
  }

  const Clock* const clock_;
  const std::shared_ptr<Budget> budget_;
  mutable std::mutex mutex_;
  std::map<FlightPath, std::shared_ptr<Flight>> flights_;
  int64_t revision_ = 0;
};

}  // namespace longbow::testing
