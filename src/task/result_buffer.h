/// \file
/// The batches of a result between who makes them and who reads them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include <arrow/type_fwd.h>

namespace longbow {

/// The bytes that `batch` refers to.
int64_t BatchBytes(const arrow::RecordBatch& batch);

/// Batches in order, numbered from 0. `ahead` are those that no reader has taken yet; their bytes
/// are what the bound is about. Not thread-safe: its owner guards it.
class ResultBuffer {
 public:
  /// \param keep whether a batch stays after it was taken, for more readers
  /// \param bound bytes that may lie ahead; the batch that crosses it is still taken
  ResultBuffer(bool keep, int64_t bound) : keep_(keep), bound_(bound) {}

  /// `bytes` of the batch. Each batch also counts what it costs to hold, so that empty ones do not
  /// pile up without end.
  void Append(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes);

  /// What `Append` would add.
  static int64_t Cost(int64_t bytes);

  bool Has(int64_t position) const { return position < end_; }
  /// The batch at `position`, which must be there. Of a buffer that does not keep, it is the first.
  std::shared_ptr<arrow::RecordBatch> Take(int64_t position);

  int64_t ahead_bytes() const { return ahead_bytes_; }
  bool HasRoom() const { return ahead_bytes_ < bound_; }
  /// Whether making more is worth a worker's trip: at least half of the room is free.
  bool WantsMore() const { return 2 * ahead_bytes_ <= bound_ && HasRoom(); }

  /// What all held batches cost.
  int64_t held_bytes() const { return held_bytes_; }

  struct Item {
    std::shared_ptr<arrow::RecordBatch> batch;
    int64_t cost = 0;
  };
  /// Empties it, and hands over the batches, to be freed outside of the owner's lock.
  std::deque<Item> Clear();

 private:
  const bool keep_;
  const int64_t bound_;
  std::deque<Item> items_;
  int64_t first_ = 0;     ///< number of the first item
  int64_t end_ = 0;       ///< number of the next batch
  int64_t furthest_ = 0;  ///< number of the first batch that nobody has taken
  int64_t ahead_bytes_ = 0;
  int64_t held_bytes_ = 0;
};

}  // namespace longbow
