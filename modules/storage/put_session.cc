#include "put_session.h"

#include <string>
#include <utility>

#include <arrow/type.h>

#include <longbow/error.h>

#include "batch_copy.h"

namespace longbow::storage {

namespace {

// Small batches are joined until they have so many bytes (one message's worth) or rows (DuckDB's
// row group).
constexpr int64_t kJoinedBytes = 1 << 20;
constexpr int64_t kJoinedRows = 122'880;
// From half of that on, a message of the batch's own costs less than the copy.
constexpr int64_t kSmallBytes = kJoinedBytes / 2;
constexpr int64_t kSmallRows = kJoinedRows / 2;
// Batches of very few rows are joined before their bookkeeping outgrows their rows.
constexpr size_t kMostCollected = 4096;

// A batch is copied when the memory that it drags along is more than twice its own and this.
constexpr int64_t kTolerableDrag = 16 << 10;

// Estimates of what the allocator holds for objects that are not buffers, so that millions of tiny
// flights are held by the limit, too.
constexpr int64_t kFlightOverhead = 1024;
constexpr int64_t kColumnOverhead = 512;
constexpr int64_t kMessageOverhead = 256;

}  // namespace

arrow::Result<std::unique_ptr<PutSession>> PutSession::Make(PutRequest request, PutTarget target) {
  std::unique_ptr<PutSession> session(new PutSession(std::move(request), std::move(target)));
  ARROW_RETURN_NOT_OK(session->Start());
  return session;
}

PutSession::PutSession(PutRequest request, PutTarget target)
    : request_(std::move(request)),
      target_(std::move(target)),
      ledger_(target_.budget, [this](Charge* charge, int64_t n) { return Grow(charge, n); }),
      collected_ledger_(target_.budget,
                        [this](Charge* charge, int64_t n) { return Grow(charge, n); }) {
  data_.overhead = Charge(target_.budget);
  collected_overhead_ = Charge(target_.budget);
}

arrow::Status PutSession::Start() {
  int64_t path_bytes = 0;
  for (const auto& part : request_.path.parts()) {
    path_bytes += static_cast<int64_t>(sizeof(std::string) + part.size());
  }
  ARROW_RETURN_NOT_OK(Grow(&data_.overhead, kFlightOverhead + path_bytes));
  IpcEncoderOptions options;
  options.target_bytes = kJoinedBytes;
  options.memory_pool = target_.pool;
  ARROW_ASSIGN_OR_RAISE(encoder_, IpcEncoder::Make(request_.schema, options));
  std::vector<IpcMessage> messages(1);
  ARROW_ASSIGN_OR_RAISE(messages[0], encoder_->EncodeSchema());
  return KeepMessages(std::move(messages));
}

arrow::Status PutSession::Append(std::shared_ptr<arrow::RecordBatch> batch) {
  if (!batch->schema()->Equals(*request_.schema, /*check_metadata=*/false)) {
    return MakeError(ErrorCode::kBadArgument,
                     "a batch put under '" + request_.path.ToString() +
                         "' has another schema than the put began with",
                     batch->schema()->ToString());
  }
  if (batch->num_rows() == 0) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(batch->Validate());
  if (batch->schema() != request_.schema) {
    // The same columns under another schema object, perhaps with other metadata.
    batch = arrow::RecordBatch::Make(request_.schema, batch->num_rows(), batch->columns());
  }
  const int64_t bytes = ReferencedBytes(*batch);
  if (bytes < kSmallBytes && batch->num_rows() < kSmallRows) {
    ARROW_ASSIGN_OR_RAISE(batch, WithoutDrag(std::move(batch), bytes, collected_ledger_));
    return Collect(*batch, bytes);
  }
  ARROW_RETURN_NOT_OK(KeepCollected());
  return KeepBatch(std::move(batch), bytes);
}

arrow::Result<StoredFlightInfo> PutSession::Commit() {
  ARROW_RETURN_NOT_OK(KeepCollected());
  StoredFlightInfo info{.path = request_.path,
                        .schema = request_.schema,
                        .rows = rows_,
                        .bytes = ledger_.bytes() + data_.overhead.bytes(),
                        .created = {},
                        .expires = {}};
  // From here on only the flight holds its buffers, so that they go when it goes.
  ledger_.Clear();
  auto flight = std::make_shared<MemoryFlight>(std::move(info), std::move(data_));
  return target_.index->Publish(std::move(flight), request_.if_exists, request_.ttl_sec);
}

arrow::Status PutSession::Collect(const arrow::RecordBatch& batch, int64_t bytes) {
  ARROW_RETURN_NOT_OK(Grow(&collected_overhead_, kColumnOverhead * (1 + batch.num_columns())));
  ARROW_ASSIGN_OR_RAISE(auto kept, collected_ledger_.Keep(batch));
  collected_.push_back(std::move(kept));
  collected_rows_ += batch.num_rows();
  collected_bytes_ += bytes;
  const bool enough = collected_bytes_ >= kJoinedBytes || collected_rows_ >= kJoinedRows ||
                      collected_.size() >= kMostCollected;
  return enough ? KeepCollected() : arrow::Status::OK();
}

arrow::Status PutSession::KeepCollected() {
  auto batches = std::exchange(collected_, {});
  const int64_t bytes = std::exchange(collected_bytes_, 0);
  collected_rows_ = 0;
  if (batches.size() > 1) {
    auto joined = JoinBatches(batches, target_.pool);
    // Not all types and dictionaries can be joined; such batches stay small.
    if (joined.ok()) {
      ARROW_RETURN_NOT_OK(KeepBatch(*std::move(joined), bytes));
      batches.clear();
    } else if (joined.status().IsOutOfMemory()) {
      return joined.status();
    }
  }
  for (auto& batch : batches) {
    const int64_t own_bytes = ReferencedBytes(*batch);
    ARROW_RETURN_NOT_OK(KeepBatch(std::move(batch), own_bytes));
  }
  collected_ledger_.Clear();
  collected_overhead_ = Charge(target_.budget);
  return arrow::Status::OK();
}

arrow::Status PutSession::KeepBatch(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(batch, WithoutDrag(std::move(batch), bytes, ledger_));
  ARROW_RETURN_NOT_OK(Grow(&data_.overhead, kColumnOverhead * (1 + batch->num_columns())));
  ARROW_ASSIGN_OR_RAISE(batch, ledger_.Keep(*batch));
  rows_ += batch->num_rows();
  data_.batches.push_back(batch);
  std::vector<IpcMessage> messages;
  ARROW_RETURN_NOT_OK(encoder_->Encode(std::move(batch), &messages));
  // What the encoder kept back it would join with the next batch, by copying both.
  ARROW_RETURN_NOT_OK(encoder_->Flush(&messages));
  return KeepMessages(std::move(messages));
}

arrow::Status PutSession::KeepMessages(std::vector<IpcMessage> messages) {
  for (auto& message : messages) {
    ARROW_RETURN_NOT_OK(
        Grow(&data_.overhead,
             kMessageOverhead + static_cast<int64_t>(message.body.size() * sizeof(arrow::Buffer))));
    ARROW_ASSIGN_OR_RAISE(message.metadata, ledger_.Keep(std::move(message.metadata)));
    for (auto& part : message.body) {
      ARROW_ASSIGN_OR_RAISE(part, ledger_.Keep(std::move(part)));
    }
    data_.messages.push_back(std::make_shared<const IpcMessage>(std::move(message)));
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> PutSession::WithoutDrag(
    std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes, const BufferLedger& ledger) const {
  if (ledger.NewBytes(*batch) <= 2 * bytes + kTolerableDrag) return batch;
  auto copy = JoinBatches({batch}, target_.pool);
  // Types that cannot be copied are kept with all that they drag along, and counted so.
  if (copy.status().IsNotImplemented()) return batch;
  return copy;
}

arrow::Status PutSession::Grow(Charge* charge, int64_t bytes) {
  if (charge->TryGrow(bytes)) return arrow::Status::OK();
  target_.index->Sweep();
  if (charge->TryGrow(bytes)) return arrow::Status::OK();
  return Full(bytes);
}

arrow::Status PutSession::Full(int64_t bytes) const {
  const auto& budget = *target_.budget;
  const int64_t own = ledger_.bytes() + data_.overhead.bytes() + bytes;
  const std::string path = "'" + request_.path.ToString() + "'";
  if (own > budget.limit()) {
    return MakeError(ErrorCode::kResourceExhausted,
                     "the flight " + path + " alone takes more than the " +
                         SizeText(budget.limit()) +
                         " that the storage may hold: put it in parts, or raise [storage] "
                         "memory_limit");
  }
  return MakeError(ErrorCode::kBackpressure,
                   "the storage is full (" + SizeText(budget.used()) + " of " +
                       SizeText(budget.limit()) + "), and the put of " + path + " needs " +
                       SizeText(bytes) +
                       " more: delete flights, give them a ttl or raise [storage] memory_limit, "
                       "then try again");
}

}  // namespace longbow::storage
