// DoExchange: what the client sends is the input named `input` of the command; the result streams
// back.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <arrow/flight/types.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/data_receiver.h"
#include "flight/item_session.h"
#include "flight/raw_calls.h"
#include "flight/stream_sender.h"
#include "flight/task_wait.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightDescriptor;

/// What the client sends, for a service that reads it: filled by the call, emptied by the task. A
/// full buffer stops the reading from the client.
class ExchangeInput : public arrow::RecordBatchReader,
                      public std::enable_shared_from_this<ExchangeInput> {
 public:
  ExchangeInput(OpenCallPtr open, std::shared_ptr<DataReceiver> receiver)
      : open_(open),
        receiver_(std::move(receiver)),
        schema_(receiver_->schema()),
        limit_bytes_(open->node->options.exchange_buffer_bytes),
        idle_(std::chrono::seconds(open->node->options.exchange_idle_sec)),
        first_watch_(WatchClient(open)) {}

  /// After `first` was run, and if `CheckStart` finds nothing wrong.
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  /// Errors: what went wrong before the first batch. The schema may come in a message of its own
  /// behind the descriptor.
  arrow::Status CheckStart() const {
    std::lock_guard lock(mutex_);
    if (schema_) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(error_);
    return MakeError(ErrorCode::kBadArgument, "the exchange has no schema",
                     "The schema of what is sent comes before its first batch.");
  }

  /// Runs `first` once there is something to read, or nothing will come: until then no thread is
  /// taken. A client that sends nothing for too long ends its call, and `first` is not run.
  void Start(std::function<void()> first) {
    first_ = std::move(first);
    first_watch_->Begin();
    ReadOn();
  }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    bool resume = false;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, idle_,
                             [this] { return !batches_.empty() || at_end_ || !error_.ok(); })) {
        return MakeError(ErrorCode::kTimeout, "the client of the exchange sent nothing for " +
                                                  std::to_string(idle_.count()) +
                                                  " s (exchange_idle_sec of [server])");
      }
      if (batches_.empty()) {
        batch->reset();
        return error_;
      }
      *batch = std::move(batches_.front());
      batches_.pop_front();
      bytes_ -= arrow::util::TotalBufferSize(**batch);
      resume = std::exchange(paused_, false);
    }
    if (resume) ReadOn();
    return arrow::Status::OK();
  }

  /// Wakes up who reads: nothing will come.
  void Break(const arrow::Status& status) {
    {
      std::lock_guard lock(mutex_);
      if (error_.ok() && !at_end_) error_ = status;
      batches_.clear();
    }
    changed_.notify_all();
  }

 private:
  void ReadOn() {
    receiver_->ReadItem([self = shared_from_this()](auto item) { self->OnItem(std::move(item)); });
  }

  void OnItem(arrow::Result<std::optional<StreamItem>> item) {
    bool read_on = false;
    std::function<void()> first;
    {
      std::lock_guard lock(mutex_);
      if (!schema_) schema_ = receiver_->schema();
      if (!item.ok()) {
        error_ = item.status();
      } else if (!*item) {
        at_end_ = true;
      } else {
        if ((*item)->batch) {
          bytes_ += arrow::util::TotalBufferSize(*(*item)->batch);
          batches_.push_back(std::move((*item)->batch));
        }
        read_on = bytes_ < limit_bytes_;
        paused_ = !read_on;
      }
      if (!batches_.empty() || at_end_ || !error_.ok()) first = std::exchange(first_, nullptr);
    }
    changed_.notify_all();
    if (read_on) ReadOn();
    if (first && first_watch_->End()) first();
  }

  OpenCallPtr open_;
  std::shared_ptr<DataReceiver> receiver_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t limit_bytes_;
  std::chrono::seconds idle_;
  std::shared_ptr<ClientWatch> first_watch_;  // of the first batch; then, of who reads
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> batches_;
  int64_t bytes_ = 0;
  bool at_end_ = false;
  bool paused_ = false;
  arrow::Status error_;
  std::function<void()> first_;
};

arrow::Status CheckExchange(const Command& command) {
  if (!command.inputs.empty() && command.inputs.count("input") != 0) {
    return MakeError(ErrorCode::kBadArgument,
                     "payload.inputs.input is the stream that the exchange sends; leave it out");
  }
  if (command.sink.path || command.sink.cache || command.sink.repeatable) {
    return MakeError(ErrorCode::kBadArgument, "an exchange has no sink: its result streams back");
  }
  return arrow::Status::OK();
}

void SendExchange(const OpenCallPtr& open, const std::shared_ptr<Task>& task) {
  auto options = EncodingOf(*open->call);
  if (!options.ok()) return open->Finish(options.status());
  auto reader = task->OpenReader();
  if (!reader.ok()) return open->Finish(reader.status());
  SendTask(open, std::move(*reader), *options);
}

void RunExchange(const OpenCallPtr& open, std::shared_ptr<const Command> command,
                 const std::shared_ptr<ExchangeInput>& input) {
  NodeContext* node = open->node;
  RunOptions options;
  options.caller = open->caller;
  options.exchange = input;
  auto execution = node->runner->Run(std::move(command), std::move(options));
  if (!execution.ok()) return open->Finish(execution.status());
  auto task = execution->task;
  TaskWait::Callbacks callbacks;
  callbacks.on_outcome = [open, task, input](const arrow::Result<Task::Outcome>& outcome) {
    if (!outcome.ok()) {
      input->Break(outcome.status());
      return open->Finish(outcome.status());
    }
    SendExchange(open, task);
  };
  callbacks.on_limit = [open, input] {
    auto status = MakeError(ErrorCode::kTimeout, "the exchange's result did not begin in time");
    input->Break(status);
    open->Finish(status);
  };
  auto until = node->parts.clock->Now() + std::chrono::seconds(node->options.max_wait_sec);
  if (open->call->deadline()) until = std::min(until, *open->call->deadline());
  TaskWait::Start(open, task, until, WaitLimit::kCancelTask, std::move(callbacks));
}

void ExchangeCommand(const OpenCallPtr& open, const std::shared_ptr<DataReceiver>& receiver,
                     Command command) {
  auto status = CheckExchange(command);
  if (!status.ok()) return open->Finish(status);
  open->call->Annotate("service", command.service);
  auto input = std::make_shared<ExchangeInput>(open, receiver);
  auto shared = std::make_shared<const Command>(std::move(command));
  input->Start([open, shared, input] {
    auto started = input->CheckStart();
    if (!started.ok()) return open->Finish(started);
    RunExchange(open, shared, input);
  });
}

}  // namespace

void ServeDoExchange(OpenCallPtr open) {
  auto receiver = std::make_shared<DataReceiver>(*open);
  receiver->ReadStart([open, receiver](arrow::Result<ReceivedStart> start) {
    if (!start.ok()) return open->Finish(start.status());
    if (start->descriptor.type != FlightDescriptor::CMD) {
      return TakeItems(open, receiver, std::move(*start), &FlightMethods::DoExchange);
    }
    auto parsed = ParseCommandDescriptor(start->descriptor.cmd, open->node->options.command_limits);
    if (!parsed.ok()) return open->Finish(parsed.status());
    if (auto* command = std::get_if<Command>(&*parsed)) {
      return ExchangeCommand(open, receiver, std::move(*command));
    }
    if (std::holds_alternative<RawCommand>(*parsed)) {
      return TakeItems(open, receiver, std::move(*start), &FlightMethods::DoExchange);
    }
    open->Finish(
        MakeError(ErrorCode::kBadArgument, "an exchange takes a command, not a wait for a task"));
  });
}

}  // namespace longbow::flight
