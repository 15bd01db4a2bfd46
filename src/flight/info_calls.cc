// GetFlightInfo, PollFlightInfo and GetSchema: what a flight is, and the wait for one that is made.

#include <algorithm>
#include <charconv>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/flight_info.h"
#include "flight/raw_calls.h"
#include "flight/task_wait.h"
#include "payload/messages.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightDescriptor;
using arrow::flight::FlightInfo;
using transport::Frame;

/// An answer goes out this long before the call's deadline, so that the client gets it.
constexpr std::chrono::milliseconds kDeadlineMargin{20};
/// How long a poll waits for news before it answers with what there is.
constexpr std::chrono::milliseconds kPollWait{200};

arrow::Result<FlightDescriptor> ParseDescriptor(const std::string& bytes) {
  auto descriptor = FlightDescriptor::Deserialize(bytes);
  if (!descriptor.ok()) {
    return MakeError(ErrorCode::kBadArgument, "the request is no FlightDescriptor message");
  }
  return descriptor;
}

template <typename Message>
void Answer(const OpenCallPtr& open, const arrow::Result<Message>& message) {
  if (!message.ok()) return open->Finish(message.status());
  auto bytes = message->SerializeToString();
  if (!bytes.ok()) return open->Finish(bytes.status());
  open->call->WriteAndFinish(Frame::FromString(std::move(*bytes)));
}

/// What one of these calls asks, kept while it waits.
struct Question {
  OpenCallPtr open;
  std::string path_bytes;  ///< of one about a path: the request as it came
  FlightDescriptor descriptor;
  Encoding encoding = Encoding::kJson;
  InfoRequest request() const { return {descriptor, encoding}; }
};
using QuestionPtr = std::shared_ptr<Question>;

arrow::Result<std::shared_ptr<const StoredFlight>> FindStored(NodeContext* node,
                                                              const FlightPath& path) {
  auto flight = node->parts.registry->store()->Find(path);
  if (!flight) {
    return MakeError(ErrorCode::kNotFound, "there is no flight at '" + path.ToString() + "'",
                     "ListFlights tells which there are.");
  }
  return flight;
}

/// A caller who may run a command may read its cached result, wherever it lies.
void GrantCached(const OpenCall& open, const StoredFlightInfo& stored) {
  if (open.caller.permissions->allows_all() || !IsCachePath(stored.path)) return;
  open.node->grants.Add(open.caller.origin.principal->name, stored.path, stored.revision);
}

arrow::Result<FlightInfo> OutcomeInfo(const Question& question, const Task& task,
                                      const Task::Outcome& outcome) {
  NodeContext* node = question.open->node;
  if (outcome.stored) {
    AnswerRevision(*question.open, outcome.stored->revision);
    GrantCached(*question.open, *outcome.stored);
    return StoredInfo(*node, question.request(), *outcome.stored, task.id(), /*reused=*/false);
  }
  return TaskInfoMessage(*node, question.request(), task, &outcome);
}

/// `POLL`: how to ask again, and what is known so far.
arrow::Status PollError(const Question& question, const Task& task) {
  NodeContext* node = question.open->node;
  TaskReference reference{task.id(), node->options.node_id};
  PollBody body;
  ARROW_ASSIGN_OR_RAISE(auto info,
                        TaskInfoMessage(*node, question.request(), task, /*outcome=*/nullptr));
  ARROW_ASSIGN_OR_RAISE(body.flight_info, info.SerializeToString());
  auto retry = FlightDescriptor::Command(SerializeRetry(reference, question.encoding));
  auto cancel = FlightDescriptor::Command(SerializeCancel(reference, question.encoding));
  ARROW_ASSIGN_OR_RAISE(body.retry_descriptor, retry.SerializeToString());
  ARROW_ASSIGN_OR_RAISE(body.cancel_descriptor, cancel.SerializeToString());
  return MakeError(ErrorCode::kPoll, "the result is not there yet; ask again",
                   "The body holds the descriptors to wait on and to cancel with.",
                   SerializeMessage(body, question.encoding));
}

/// The header `x-longbow-wait-ms`, where the caller sent it.
arrow::Result<std::optional<std::chrono::milliseconds>> WaitHeader(const CallContext& call) {
  auto header = call.FindHeader("x-longbow-wait-ms");
  if (!header) return std::nullopt;
  int64_t ms = 0;
  auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), ms);
  if (error != std::errc() || end != header->data() + header->size() || ms < 0) {
    return MakeError(ErrorCode::kBadArgument,
                     "the header x-longbow-wait-ms is a whole number of milliseconds");
  }
  return std::chrono::milliseconds(std::min<int64_t>(ms, int64_t{86'400'000}));
}

/// When a call that waits for a task is answered at the latest.
MonotonicTime LatestEnd(const OpenCall& open) {
  const NodeContext& node = *open.node;
  const auto until = node.parts.clock->Now() + std::chrono::seconds(node.options.max_wait_sec);
  return open.call->deadline() ? std::min(until, *open.call->deadline() - kDeadlineMargin) : until;
}

void WaitForInfo(const QuestionPtr& question, const std::shared_ptr<Task>& task) {
  NodeContext* node = question->open->node;
  const auto& call = *question->open->call;
  auto wait = WaitHeader(call);
  if (!wait.ok()) {
    node->runner->Attach(task);
    node->runner->Detach(task, /*abandon=*/true);
    return question->open->Finish(wait.status());
  }
  MonotonicTime until = LatestEnd(*question->open);
  if (*wait) until = std::min(until, node->parts.clock->Now() + **wait);
  const WaitLimit limit = *wait ? WaitLimit::kKeepTask : WaitLimit::kCancelTask;
  TaskWait::Callbacks callbacks;
  callbacks.on_outcome = [question, task](const arrow::Result<Task::Outcome>& outcome) {
    if (!outcome.ok()) return question->open->Finish(outcome.status());
    Answer(question->open, OutcomeInfo(*question, *task, *outcome));
  };
  callbacks.on_limit = [question, task, limit] {
    if (limit == WaitLimit::kKeepTask) return question->open->Finish(PollError(*question, *task));
    question->open->Finish(MakeError(
        ErrorCode::kTimeout, "the command was not done in time and was cancelled",
        "Give the call a longer deadline, or the header x-longbow-wait-ms to poll for it."));
  };
  TaskWait::Start(question->open, task, until, limit, std::move(callbacks));
}

arrow::Result<std::shared_ptr<Task>> FindTask(const OpenCall& open,
                                              const TaskReference& reference) {
  auto task = open.node->parts.tasks->Find(reference.task);
  if (task && open.caller.MaySee(*task)) return task;
  return MakeError(ErrorCode::kNotFound, "there is no task '" + reference.task + "' on this node",
                   "Its time to live has ended, or another node has it.");
}

/// The task that a command or a retry is about, or the answer that there is already.
void RunCommand(const QuestionPtr& question, std::shared_ptr<const Command> command,
                const std::function<void(const std::shared_ptr<Task>&)>& on_task,
                const std::function<void(const arrow::Result<FlightInfo>&)>& on_info) {
  NodeContext* node = question->open->node;
  question->encoding = command->encoding;
  question->open->call->Annotate("service", command->service);
  RunOptions options;
  options.caller = question->open->caller;
  auto execution = node->runner->Run(std::move(command), std::move(options));
  if (!execution.ok()) return question->open->Finish(execution.status());
  if (execution->task) return on_task(execution->task);
  GrantCached(*question->open, execution->reused->info());
  on_info(StoredInfo(*node, question->request(), *execution->reused, /*reused=*/true));
}

void CancelByDescriptor(const QuestionPtr& question, const CancelRequest& request) {
  auto task = FindTask(*question->open, request.task);
  if (!task.ok()) return question->open->Finish(task.status());
  auto status = CancelFor(question->open->caller, **task);
  if (status.ok()) status = MakeError(ErrorCode::kCommandCancelled, "the command was cancelled");
  question->open->Finish(status);
}

/// What is common to the three calls: path, command, retry, cancel, or not Longbow's.
struct Routes {
  std::function<void(const StoredFlight&)> on_path;
  std::function<void(std::shared_ptr<const Command>)> on_command;
  std::function<void(const std::shared_ptr<Task>&)> on_retry;
  std::function<void()> on_raw;
};

void RouteCommand(const QuestionPtr& question, const Routes& routes) {
  NodeContext* node = question->open->node;
  auto parsed = ParseCommandDescriptor(question->descriptor.cmd, node->options.command_limits);
  if (!parsed.ok()) return question->open->Finish(parsed.status());
  if (auto* command = std::get_if<Command>(&*parsed)) {
    return routes.on_command(std::make_shared<const Command>(std::move(*command)));
  }
  if (auto* retry = std::get_if<RetryRequest>(&*parsed)) {
    question->encoding = retry->encoding;
    auto task = FindTask(*question->open, retry->task);
    if (!task.ok()) return question->open->Finish(task.status());
    return routes.on_retry(*task);
  }
  if (auto* cancel = std::get_if<CancelRequest>(&*parsed)) {
    return CancelByDescriptor(question, *cancel);
  }
  routes.on_raw();
}

void RoutePath(const QuestionPtr& question, const Routes& routes) {
  NodeContext* node = question->open->node;
  if (!node->parts.registry->store()) return routes.on_raw();
  auto path = FlightPath::Make(question->descriptor.path);
  if (!path.ok()) return question->open->Finish(path.status());
  auto allowed = question->open->caller.CheckRead(*path);
  if (!allowed.ok()) return question->open->Finish(allowed);
  auto flight = FindStored(node, *path);
  if (!flight.ok()) return question->open->Finish(flight.status());
  question->open->call->Annotate("path", path->ToString());
  routes.on_path(**flight);
}

void Route(const QuestionPtr& question, const Routes& routes) {
  switch (question->descriptor.type) {
    case FlightDescriptor::CMD:
      return RouteCommand(question, routes);
    case FlightDescriptor::PATH:
      return RoutePath(question, routes);
    default:
      question->open->Finish(
          MakeError(ErrorCode::kBadArgument, "the descriptor is neither a path nor a command"));
  }
}

QuestionPtr ParseQuestion(OpenCallPtr open, const std::string& request) {
  auto descriptor = ParseDescriptor(request);
  if (!descriptor.ok()) {
    open->Finish(descriptor.status());
    return nullptr;
  }
  // Of a command, which may be long and wait for long, they are not needed again.
  std::string path_bytes = descriptor->type == FlightDescriptor::PATH ? request : std::string();
  return std::make_shared<Question>(Question{std::move(open), std::move(path_bytes), *descriptor});
}

void AnswerPoll(const QuestionPtr& question, arrow::Result<FlightInfo> info, const Task* task,
                bool complete) {
  if (!info.ok()) return question->open->Finish(info.status());
  arrow::flight::PollInfo poll;
  poll.info = std::make_unique<FlightInfo>(std::move(*info));
  poll.progress = complete ? 1.0 : task->info().progress;
  if (task != nullptr && !complete) {
    poll.descriptor = FlightDescriptor::Command(
        SerializeRetry({task->id(), question->open->node->options.node_id}, question->encoding));
    poll.expiration_time = std::chrono::time_point_cast<std::chrono::nanoseconds>(task->expires());
  }
  Answer(question->open, arrow::Result<arrow::flight::PollInfo>(std::move(poll)));
}

void Poll(const QuestionPtr& question, const std::shared_ptr<Task>& task) {
  NodeContext* node = question->open->node;
  auto wait = WaitHeader(*question->open->call);
  if (!wait.ok()) {
    node->runner->Attach(task);
    node->runner->Detach(task, /*abandon=*/true);
    return question->open->Finish(wait.status());
  }
  // Whoever was told how to come back does: from then on the task does not hang on a call.
  const auto until = node->parts.clock->Now() + wait->value_or(kPollWait);
  TaskWait::Callbacks callbacks;
  callbacks.on_outcome = [question, task](const arrow::Result<Task::Outcome>& outcome) {
    if (!outcome.ok()) return question->open->Finish(outcome.status());
    AnswerPoll(question, OutcomeInfo(*question, *task, *outcome), task.get(), /*complete=*/true);
  };
  callbacks.on_limit = [question, task, node] {
    AnswerPoll(question, TaskInfoMessage(*node, question->request(), *task, nullptr), task.get(),
               /*complete=*/false);
  };
  TaskWait::Start(question->open, task, until, WaitLimit::kKeepTask, std::move(callbacks));
}

arrow::Result<std::string> SchemaResultBytes(const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(auto result, arrow::flight::SchemaResult::Make(schema));
  return result->SerializeToString();
}

void AnswerSchema(const OpenCallPtr& open,
                  const arrow::Result<std::shared_ptr<arrow::Schema>>& schema) {
  if (!schema.ok()) return open->Finish(schema.status());
  auto bytes = SchemaResultBytes(**schema);
  if (!bytes.ok()) return open->Finish(bytes.status());
  open->call->WriteAndFinish(Frame::FromString(std::move(*bytes)));
}

/// Reads a result without rows to its end, which is the task's end.
void ReadAway(Task& task) {
  auto opened = task.OpenReader();
  if (!opened.ok()) return;  // it has ended another way
  std::shared_ptr<Task::Reader> reader = std::move(*opened);
  reader->Next([reader](const arrow::Result<std::shared_ptr<arrow::RecordBatch>>&) {});
}

void WaitForSchema(const OpenCallPtr& open, const std::shared_ptr<Task>& task) {
  TaskWait::Callbacks callbacks;
  callbacks.on_outcome = [open, task](const arrow::Result<Task::Outcome>& outcome) {
    if (!outcome.ok()) return open->Finish(outcome.status());
    AnswerSchema(open, outcome->schema);
    ReadAway(*task);
  };
  callbacks.on_limit = [open] {
    open->Finish(MakeError(ErrorCode::kTimeout,
                           "the command's schema was not known in time, and the command was "
                           "cancelled",
                           "Give the call a longer deadline."));
  };
  TaskWait::Start(open, task, LatestEnd(*open), WaitLimit::kCancelTask, std::move(callbacks));
}

/// Answers with a stored flight, and remembers the answer.
void AnswerStored(const Question& question, const StoredFlight& flight) {
  NodeContext* node = question.open->node;
  auto info = StoredInfo(*node, question.request(), flight, /*reused=*/false);
  if (!info.ok()) return question.open->Finish(info.status());
  auto bytes = info->SerializeToString();
  if (!bytes.ok()) return question.open->Finish(bytes.status());
  Frame frame = Frame::FromString(std::move(*bytes));
  node->infos.Add(question.path_bytes, {flight.info().path, flight.info().revision, frame});
  question.open->call->WriteAndFinish(std::move(frame));
}

/// Answers with what the same question got, if it was about a stored flight that is still there.
bool AnswerAgain(const OpenCall& open, const std::string& request) {
  const auto known = open.node->infos.Find(request);
  if (!known || !open.caller.CheckRead(known->path).ok()) return false;
  auto flight = FindStored(open.node, known->path);
  if (!flight.ok() || (*flight)->info().revision != known->revision) return false;
  open.call->Annotate("path", known->path.ToString());
  open.call->WriteAndFinish(known->frame);
  return true;
}

void GetInfo(OpenCallPtr open, const std::string& request) {
  auto question = ParseQuestion(std::move(open), request);
  if (!question) return;
  Routes routes;
  routes.on_path = [question](const StoredFlight& flight) { AnswerStored(*question, flight); };
  routes.on_retry = [question](const std::shared_ptr<Task>& task) { WaitForInfo(question, task); };
  routes.on_command = [question,
                       on_retry = routes.on_retry](std::shared_ptr<const Command> command) {
    RunCommand(question, std::move(command), on_retry,
               [question](const arrow::Result<FlightInfo>& info) { Answer(question->open, info); });
  };
  routes.on_raw = [question] {
    OfferRaw(question->open, [question](FlightMethods& methods) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto info,
                            methods.GetFlightInfo(*question->open->call, question->descriptor));
      ARROW_ASSIGN_OR_RAISE(auto bytes, info->SerializeToString());
      question->open->call->WriteAndFinish(Frame::FromString(std::move(bytes)));
      return arrow::Status::OK();
    });
  };
  Route(question, routes);
}

void PollInfo(OpenCallPtr open, const std::string& request) {
  auto question = ParseQuestion(std::move(open), request);
  if (!question) return;
  Routes routes;
  routes.on_path = [question](const StoredFlight& flight) {
    AnswerPoll(question,
               StoredInfo(*question->open->node, question->request(), flight, /*reused=*/false),
               nullptr, /*complete=*/true);
  };
  routes.on_retry = [question](const std::shared_ptr<Task>& task) { Poll(question, task); };
  routes.on_command = [question,
                       on_retry = routes.on_retry](std::shared_ptr<const Command> command) {
    RunCommand(question, std::move(command), on_retry,
               [question](const arrow::Result<FlightInfo>& info) {
                 AnswerPoll(question, info, nullptr, /*complete=*/true);
               });
  };
  routes.on_raw = [question] {
    OfferRaw(question->open, [question](FlightMethods& methods) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto info,
                            methods.PollFlightInfo(*question->open->call, question->descriptor));
      ARROW_ASSIGN_OR_RAISE(auto bytes, info->SerializeToString());
      question->open->call->WriteAndFinish(Frame::FromString(std::move(bytes)));
      return arrow::Status::OK();
    });
  };
  Route(question, routes);
}

void GetSchema(OpenCallPtr open, const std::string& request) {
  auto question = ParseQuestion(std::move(open), request);
  if (!question) return;
  Routes routes;
  routes.on_path = [question](const StoredFlight& flight) {
    AnswerSchema(question->open, flight.info().schema);
  };
  routes.on_command = [question](const std::shared_ptr<const Command>& command) {
    question->open->call->Annotate("service", command->service);
    RunOptions options;
    options.caller = question->open->caller;
    auto execution = question->open->node->runner->FindSchema(command, options);
    if (!execution.ok()) return question->open->Finish(execution.status());
    if (execution->task) return WaitForSchema(question->open, execution->task);
    AnswerSchema(question->open, execution->schema);
  };
  routes.on_retry = [question](const std::shared_ptr<Task>&) {
    question->open->Finish(
        MakeError(ErrorCode::kBadArgument, "GetSchema takes the command, not a wait for it"));
  };
  routes.on_raw = [question] {
    OfferRaw(question->open, [question](FlightMethods& methods) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto schema,
                            methods.GetSchema(*question->open->call, question->descriptor));
      AnswerSchema(question->open, schema);
      return arrow::Status::OK();
    });
  };
  Route(question, routes);
}

}  // namespace

void ServeGetFlightInfo(OpenCallPtr open, const std::string& request) {
  AfterSync(open, [open, request] {
    if (!AnswerAgain(*open, request)) GetInfo(open, request);
  });
}

void ServePollFlightInfo(OpenCallPtr open, const std::string& request) {
  AfterSync(open, [open, request] { PollInfo(open, request); });
}

void ServeGetSchema(OpenCallPtr open, const std::string& request) {
  AfterSync(open, [open, request] { GetSchema(open, request); });
}

}  // namespace longbow::flight
