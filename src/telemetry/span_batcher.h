/// \file
/// Collects spans and gives them to an exporter in batches, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "telemetry/span_exporter.h"
#include "telemetry/span_sink.h"
#include "telemetry/trace.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// Thread-safe. What waits is bounded: of the options' queue, and the batch that is being sent.
///
/// The thread sleeps until a first span comes, waits for others until a batch is full or the delay
/// is over, and sends all that is there. Trouble is logged once a minute at most.
class SpanBatcher : public SpanSink {
 public:
  SpanBatcher(const SpanBatchOptions& options, const SpanLimits& limits, const TracerParts& parts,
              std::unique_ptr<SpanExporter> exporter);
  SpanBatcher(const SpanBatcher&) = delete;
  SpanBatcher& operator=(const SpanBatcher&) = delete;
  /// As `Shutdown` with no time at all.
  ~SpanBatcher() override;

  void Add(std::unique_ptr<SpanData> span) noexcept override;
  const SpanLimits& limits() const override { return limits_; }
  const Clock& clock() const override { return *clock_; }

  TracerStatistics statistics() const;
  /// Sends what waits for no longer than `limit`, drops the rest, and ends the thread. Blocks.
  void Shutdown(std::chrono::milliseconds limit);

 private:
  void Run();
  /// Waits for a full batch, the end of the delay, or the end of all. True where all that is there
  /// is to go out, false where only full batches are.
  bool WaitForWork(std::unique_lock<std::mutex>* lock);
  bool IsBatchFull() const;
  SpanBatch TakeBatch();
  /// Takes one batch and sends it without the lock; returns its size.
  int64_t Send(std::unique_lock<std::mutex>* lock);
  void Count(const arrow::Status& status, int64_t spans);
  /// Logs what went wrong since the last line, if that is due; called without the lock.
  void Report(const arrow::Status& status, const TracerStatistics& now);

  const SpanBatchOptions options_;
  const SpanLimits limits_;
  const Clock* const clock_;
  Logger* const logger_;
  const std::unique_ptr<SpanExporter> exporter_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_;
  std::deque<std::unique_ptr<SpanData>> queue_;
  TracerStatistics statistics_;
  std::optional<MonotonicTime> stop_at_;  // set: the end has begun
  bool cut_off_ = false;                  // nothing more is sent
  bool done_ = false;

  // Of the thread alone:
  std::optional<MonotonicTime> last_report_;
  TracerStatistics reported_;
  bool in_trouble_ = false;

  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace longbow::telemetry
