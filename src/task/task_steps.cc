// What the thread does that works on a task.

#include <chrono>
#include <exception>
#include <utility>

#include <arrow/type.h>

#include <longbow/error.h>

#include "task/pooled_task.h"
#include "task/task_context.h"

namespace longbow {

namespace {

/// After how long, or how many bytes (the size of the buffer), a worker makes way for others that
/// wait.
constexpr auto kWorkerStepTime = std::chrono::milliseconds(50);

/// The longest message that survives the wire.
constexpr size_t kMessageChars = 256;

// A service's error keeps its code; one without any is a failure of the command.
arrow::Status WithCode(const arrow::Status& status) {
  if (ErrorDetailOf(status) != nullptr) return status;
  const std::string& message = status.message();
  // The whole text goes where more of it survives.
  return MakeError(ErrorCode::kCommandFailed, message,
                   message.size() > kMessageChars ? message : std::string());
}

}  // namespace

Logger& PooledTask::Context::logger() const {
  std::call_once(logger_made_, [this] {
    const TaskOrigin& origin = task_->origin_;
    LogFields fields = {
        {"task", task_->id_}, {"service", task_->service_}, {"request_id", origin.request_id}};
    if (origin.trace.valid()) {
      fields.emplace_back("trace_id", telemetry::TraceIdHex(origin.trace));
    }
    logger_.emplace(task_->env_->logger(), fields);
  });
  return *logger_;
}

std::string PooledTask::Context::traceparent() const {
  const telemetry::TraceContext& trace = task_->spans_.context();
  return trace.valid() ? telemetry::FormatTraceparent(trace) : std::string();
}

void PooledTask::Context::SetCancelCallback(std::function<void()> callback) {
  task_->cancel_.SetCallback(std::move(callback));
}

void PooledTask::Context::SetProgress(double fraction) {
  // Written so that NaN becomes 0.
  task_->progress_ = fraction > 0 ? (fraction < 1 ? fraction : 1.0) : 0.0;
}

arrow::Status PooledTask::Thrown(std::string_view where, std::string_view what) const {
  context_->logger().Error("A service threw an exception, which none may; the task failed.",
                           {{"in", std::string(where)}, {"what", std::string(what)}});
  return MakeError(ErrorCode::kInternalError, "The service failed unexpectedly in the task " + id_ +
                                                  "; the node's log has the details.");
}

// Calls a service's code. Its exceptions end here, with their text in the log only.
template <typename Function>
auto PooledTask::Guarded(std::string_view where, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& e) {
    return Thrown(where, e.what());
  } catch (...) {
    return Thrown(where, "not a std::exception");
  }
}

bool PooledTask::RunPending(Runner runner) {
  bool has_ended = false;
  {
    std::lock_guard lock(mutex_);
    if (run_ != Run::kScheduled) return false;
    run_ = Run::kRunning;
    BegunLocked();
    has_ended = EndedLocked();
    if (!has_ended && !begun_) {
      begun_ = env_->clock->Now();
      spans_.Started();
      if (auto* observer = env_->parts.observer) observer->OnStarted(service_, *begun_ - made_);
    }
    if (state_ == TaskState::kQueued) state_ = TaskState::kStarting;
  }
  if (has_ended) {
    Release();
    return true;
  }
  if (stream_ == nullptr && !RunStart()) return true;
  RunStep(runner);
  return true;
}

// True where the result is to be streamed; else the task has ended.
bool PooledTask::RunStart() {
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<FlightPut> put;
  arrow::Status status = Guarded("Execute", [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(stream_, work_->Start(*context_));
    if (stream_ != nullptr) schema = stream_->schema();
    if (schema == nullptr) {
      return MakeError(ErrorCode::kInternalError,
                       "The service '" + service_ + "' gave no reader, or one without a schema.");
    }
    if (ended()) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(put, work_->BeginPut(schema));
    return arrow::Status::OK();
  });
  if (!status.ok()) {
    Fail(status);
    Release();
    return false;
  }
  Effects effects;
  {
    std::unique_lock lock(mutex_);
    if (EndedLocked()) {
      lock.unlock();
      put.reset();
      Release();
      return false;
    }
    state_ = TaskState::kStreaming;
    outcome_.schema = std::move(schema);
    if (put != nullptr) {
      spans_.Storing();
    } else {
      spans_.Streaming();
      outcome_known_ = true;
      SettleLocked(&effects);
    }
  }
  if (put != nullptr) {
    Store(std::move(put));
    return false;
  }
  Perform(std::move(effects));
  return true;
}

void PooledTask::RunStep(Runner runner) {
  MonotonicTime began = env_->clock->Now();
  int64_t made = 0;
  while (true) {
    // Who waits for the outcome has it. Who waits for data has some after one batch: the next one
    // may be long in coming.
    bool make_way = runner == Runner::kWaiter || (runner == Runner::kReader && made > 0);
    if (made >= env_->limits.buffer_bytes || env_->clock->Now() - began >= kWorkerStepTime) {
      make_way = make_way || env_->pool.has_waiting();
      made = 0;
      began = env_->clock->Now();
    }
    std::unique_lock lock(mutex_);
    if (EndedLocked()) {
      lock.unlock();
      return Release();
    }
    if (!buffer_.HasRoom()) {
      run_ = Run::kIdle;
      if (blocked_ > 0) changed_.notify_all();
      return;
    }
    if (make_way) {
      const bool push = ScheduleLocked();
      lock.unlock();
      if (push) Push();
      return;
    }
    lock.unlock();
    auto batch = ReadBatch();
    if (!batch.ok()) {
      Fail(batch.status());
      return Release();
    }
    if (*batch == nullptr) return FinishStream();
    const int64_t bytes = BatchBytes(**batch);
    made += ResultBuffer::Cost(bytes);
    if (arrow::Status status = Offer(*std::move(batch), bytes); !status.ok()) {
      Fail(status);
      return Release();
    }
  }
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> PooledTask::ReadBatch() {
  std::shared_ptr<arrow::RecordBatch> batch;
  ARROW_RETURN_NOT_OK(
      Guarded("reading its result", [&]() -> arrow::Status { return stream_->ReadNext(&batch); }));
  // `outcome_.schema` does not change while the task runs.
  const auto& schema = outcome_.schema;
  if (batch != nullptr && batch->schema() != schema &&
      !batch->schema()->Equals(*schema, /*check_metadata=*/false)) {
    return MakeError(ErrorCode::kInternalError,
                     "The service '" + service_ + "' made a batch of another schema than it said.");
  }
  return batch;
}

// Puts a batch into the buffer, and hands it over to who waits for it.
arrow::Status PooledTask::Offer(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes) {
  const int64_t cost = ResultBuffer::Cost(bytes);
  if (repeatable_ && (env_->kept_bytes += cost) > env_->limits.repeatable_bytes) {
    env_->kept_bytes -= cost;
    return MakeError(ErrorCode::kResourceExhausted,
                     "The repeatable results kept on this node would exceed " +
                         std::to_string(env_->limits.repeatable_bytes) +
                         " bytes; store the result under a path, or read it once.");
  }
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (EndedLocked()) {
      if (repeatable_) env_->kept_bytes -= cost;
      return arrow::Status::OK();  // dropped; the step will see that it has ended
    }
    if (repeatable_) kept_bytes_ += cost;
    rows_ += batch->num_rows();
    bytes_ += bytes;
    buffer_.Append(std::move(batch), bytes);
    CountWaitingLocked();
    CursorsLocked(&effects);
    if (impatient_ > 0 || (blocked_ > 0 && buffer_.ahead_bytes() >= kEnoughBytes)) {
      changed_.notify_all();
    }
  }
  Perform(std::move(effects));
  return arrow::Status::OK();
}

void PooledTask::FinishStream() {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (!EndedLocked()) {
      produced_all_ = true;
      outcome_.rows = rows_;
      outcome_.bytes = bytes_;
      if (repeatable_) DoneLocked();
      TouchLocked();
      changed_.notify_all();
      CursorsLocked(&effects);
    }
  }
  // The reader hears of the end before the service has cleaned up.
  Perform(std::move(effects));
  Release();
}

void PooledTask::Store(std::unique_ptr<FlightPut> put) {
  arrow::Status status = FillPut(put.get());
  if (status.ok()) status = CommitPut(put.get());
  // What was not committed is taken back before anybody hears of the failure, and may try again.
  put.reset();
  if (!status.ok()) Fail(status);
  Release();
}

arrow::Status PooledTask::FillPut(FlightPut* put) {
  while (!ended()) {
    ARROW_ASSIGN_OR_RAISE(auto batch, ReadBatch());
    if (batch == nullptr) return arrow::Status::OK();
    {
      std::lock_guard lock(mutex_);
      rows_ += batch->num_rows();
      bytes_ += BatchBytes(*batch);
    }
    ARROW_RETURN_NOT_OK(Guarded("storing its result", [&] { return put->Append(batch); }));
  }
  return arrow::Status::OK();
}

arrow::Status PooledTask::CommitPut(FlightPut* put) {
  {
    std::lock_guard lock(mutex_);
    if (EndedLocked()) return arrow::Status::OK();
    committing_ = true;
  }
  auto stored = Guarded("storing its result", [&] { return put->Commit(); });
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    committing_ = false;
    if (!stored.ok()) return stored.status();
    outcome_.rows = stored->rows;
    outcome_.bytes = stored->bytes;
    outcome_.stored = *std::move(stored);
    outcome_known_ = true;
    produced_all_ = true;
    DoneLocked();
    SettleLocked(&effects);
  }
  Perform(std::move(effects));
  return arrow::Status::OK();
}

// Ends the task with an error, unless it has ended.
void PooledTask::Fail(const arrow::Status& status) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (EndedLocked()) return;
    EndLocked(TaskState::kFailed, WithCode(status), &effects);
  }
  Perform(std::move(effects));
}

// Frees what the service made. The task will not be run again.
void PooledTask::Release() {
  stream_.reset();
  work_.reset();
  // A callback that the service forgot would outlive what it points to.
  cancel_.SetCallback(nullptr);
  std::lock_guard lock(mutex_);
  run_ = Run::kFinished;
  if (blocked_ > 0) changed_.notify_all();
}

}  // namespace longbow
