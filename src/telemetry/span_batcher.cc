#include "telemetry/span_batcher.h"

#include <algorithm>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kReportInterval(1);
// What "no limit" means for a time.
constexpr int64_t kForeverMs = 24 * 3600 * 1000;

SpanBatchOptions Usable(SpanBatchOptions options) {
  options.max_queue_spans = std::max<int64_t>(options.max_queue_spans, 1);
  options.max_batch_spans =
      std::clamp<int64_t>(options.max_batch_spans, 1, options.max_queue_spans);
  options.schedule_delay_ms = std::clamp<int64_t>(options.schedule_delay_ms, 0, kForeverMs);
  if (options.export_timeout_ms <= 0) options.export_timeout_ms = kForeverMs;
  options.export_timeout_ms = std::min(options.export_timeout_ms, kForeverMs);
  return options;
}

SpanLimits Usable(SpanLimits limits) {
  limits.attributes = std::max<int64_t>(limits.attributes, 0);
  limits.attribute_value_characters = std::max<int64_t>(limits.attribute_value_characters, 0);
  limits.events = std::max<int64_t>(limits.events, 0);
  return limits;
}

// A collector that hangs up must not end the process where nobody ignores the signal.
void BlockPipeSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

SpanBatcher::SpanBatcher(const SpanBatchOptions& options, const SpanLimits& limits,
                         const TracerParts& parts, std::unique_ptr<SpanExporter> exporter)
    : options_(Usable(options)),
      limits_(Usable(limits)),
      clock_(parts.clock),
      logger_(parts.logger),
      exporter_(std::move(exporter)),
      thread_([this] { Run(); }) {}

SpanBatcher::~SpanBatcher() { Shutdown(milliseconds(0)); }

void SpanBatcher::Add(std::unique_ptr<SpanData> span) noexcept {
  std::lock_guard lock(mutex_);
  if (stop_at_.has_value() || static_cast<int64_t>(queue_.size()) >= options_.max_queue_spans) {
    ++statistics_.dropped;
    return;
  }
  try {
    queue_.push_back(std::move(span));
  } catch (...) {
    ++statistics_.dropped;
    return;
  }
  // Only these two numbers of spans change what the thread waits for: to wake it costs a call of
  // the kernel.
  const auto size = static_cast<int64_t>(queue_.size());
  if (size == 1 || size == options_.max_batch_spans) wake_.notify_one();
}

TracerStatistics SpanBatcher::statistics() const {
  std::lock_guard lock(mutex_);
  TracerStatistics now = statistics_;
  now.queued = static_cast<int64_t>(queue_.size());
  return now;
}

void SpanBatcher::Shutdown(milliseconds limit) {
  std::lock_guard join_lock(join_mutex_);
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    limit = std::clamp(limit, milliseconds(0), milliseconds(kForeverMs));
    stop_at_ = clock_->Now() + limit;
    wake_.notify_one();
    if (limit > milliseconds(0)) ended_.wait_for(lock, limit, [this] { return done_; });
    cut_off_ = true;
  }
  exporter_->Cancel();
  thread_.join();
}

void SpanBatcher::Run() {
  BlockPipeSignal();
  std::unique_lock lock(mutex_);
  while (!stop_at_.has_value() || (!queue_.empty() && !cut_off_)) {
    // What comes while these are sent waits for others again.
    auto due = static_cast<int64_t>(WaitForWork(&lock) ? queue_.size() : 0);
    while (!queue_.empty() && !cut_off_ && (due > 0 || stop_at_.has_value() || IsBatchFull())) {
      due -= Send(&lock);
    }
  }
  statistics_.dropped += static_cast<int64_t>(queue_.size());
  const std::deque<std::unique_ptr<SpanData>> rest = std::exchange(queue_, {});
  done_ = true;
  ended_.notify_all();
  lock.unlock();
}

bool SpanBatcher::WaitForWork(std::unique_lock<std::mutex>* lock) {
  wake_.wait(*lock, [this] { return stop_at_.has_value() || !queue_.empty(); });
  const bool has_reason = wake_.wait_for(*lock, milliseconds(options_.schedule_delay_ms),
                                         [this] { return stop_at_.has_value() || IsBatchFull(); });
  return !has_reason || stop_at_.has_value();
}

bool SpanBatcher::IsBatchFull() const {
  return static_cast<int64_t>(queue_.size()) >= options_.max_batch_spans;
}

SpanBatch SpanBatcher::TakeBatch() {
  const size_t size = std::min(queue_.size(), static_cast<size_t>(options_.max_batch_spans));
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(size);
  SpanBatch batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

int64_t SpanBatcher::Send(std::unique_lock<std::mutex>* lock) {
  SpanBatch batch = TakeBatch();
  MonotonicTime deadline = clock_->Now() + milliseconds(options_.export_timeout_ms);
  if (stop_at_.has_value()) deadline = std::min(deadline, *stop_at_);
  lock->unlock();
  arrow::Status status;
  try {
    status = exporter_->Export(batch, deadline);
  } catch (const std::exception& error) {
    // Libraries below may throw, where memory is short for one.
    status = MakeError(ErrorCode::kInternalError, "The exporter of spans failed", error.what());
  }
  const auto size = static_cast<int64_t>(batch.size());
  batch.clear();  // thousands of small pieces: not under the lock
  lock->lock();
  Count(status, size);
  const TracerStatistics now = statistics_;
  lock->unlock();
  Report(status, now);
  lock->lock();
  return size;
}

void SpanBatcher::Count(const arrow::Status& status, int64_t spans) {
  if (status.ok()) {
    statistics_.exported += spans;
  } else {
    statistics_.lost += spans;
    ++statistics_.failed_exports;
  }
}

void SpanBatcher::Report(const arrow::Status& status, const TracerStatistics& now) {
  const int64_t lost = now.lost - reported_.lost;
  const int64_t dropped = now.dropped - reported_.dropped;
  if (status.ok() && dropped == 0) {
    if (!in_trouble_) return;
    in_trouble_ = false;
    reported_ = now;
    logger_->Info("Spans reach the collector again",
                  {{"collector", exporter_->destination()}, {"lost", std::to_string(lost)}});
    return;
  }
  const MonotonicTime time = clock_->Now();
  if (last_report_.has_value() && time - *last_report_ < kReportInterval) return;
  last_report_ = time;
  reported_ = now;
  in_trouble_ = in_trouble_ || !status.ok();
  LogFields fields = {{"collector", exporter_->destination()},
                      {"lost", std::to_string(lost)},
                      {"dropped", std::to_string(dropped)}};
  if (!status.ok()) fields.emplace_back("error", status.message());
  logger_->Warning(
      status.ok() ? "Spans were dropped: the collector takes them more slowly than they are made. "
                    "Sample fewer traces, or make the queue longer"
                  : "Spans did not reach the collector and are lost. Check that it runs and that "
                    "the endpoint and its protocol are right",
      fields);
}

}  // namespace longbow::telemetry
