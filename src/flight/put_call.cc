// DoPut: stores a flight under a path, hands data to a service, or to a module's raw methods.
//
// A put by path:
//   1. The first message brings descriptor and schema. Options may come with it, or, as some
//      clients cannot send metadata with a schema, with the first message behind it.
//   2. The client is told that its put is accepted, so that it need not send everything to learn of
//      a refusal. A path that is taken waits for the options, since they may say what to do about
//      it.
//   3. A client that sends nothing for too long, or does not take what it is told, loses its place.
//   4. Batches are appended one at a time; the next is read when the last one is stored, so that a
//      slow store slows its client down.
//   5. At the end the client is told that all has arrived, and the commit waits until that is out:
//      a client that has died is not taken for one that has sent all.
//   6. The flight is committed, and the receipt ends the call.

#include <functional>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/data_receiver.h"
#include "flight/item_session.h"
#include "flight/raw_calls.h"
#include "flight/result_metadata.h"
#include "payload/messages.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightDescriptor;
using transport::Frame;

/// One put into a store or a service. Steps follow one another.
class PutSession : public std::enable_shared_from_this<PutSession> {
 public:
  PutSession(OpenCallPtr open, std::shared_ptr<DataReceiver> receiver, ReceivedStart start)
      : open_(std::move(open)),
        receiver_(std::move(receiver)),
        start_(std::move(start)),
        watch_(WatchClient(open_)) {
    receiver_->SetWatch(watch_);
  }

  /// A path is empty where a service takes the data.
  void StartPath(FlightPath path) {
    path_ = std::move(path);
    options_given_ = start_.app_metadata != nullptr && start_.app_metadata->size() > 0;
    if (options_given_) {
      auto status = TakeOptions(*start_.app_metadata);
      if (!status.ok()) return open_->Finish(status);
      return Accept();
    }
    if (open_->node->parts.registry->store()->Find(*path_) == nullptr) return Accept();
    ReadFirst();
  }

  void StartService(std::shared_ptr<Service> service, std::shared_ptr<const Command> command) {
    service_ = std::move(service);
    command_ = std::move(command);
    options_given_ = true;
    encoding_ = command_->encoding;
    Accept();
  }

 private:
  void ReadFirst() {
    ReadItem([this](std::optional<StreamItem> item) {
      held_ = std::move(item);
      have_held_ = true;
      auto status = TakeOptionsOf(held_);
      if (!status.ok()) return Fail(status);
      Accept();
    });
  }

  /// Gives `take` what the client sends next, unless that is an error.
  template <typename Take>
  void ReadItem(Take take) {
    receiver_->ReadItem(
        [self = shared_from_this(), take](arrow::Result<std::optional<StreamItem>> item) {
          if (!item.ok()) return self->Fail(item.status());
          take(std::move(*item));
        });
  }

  arrow::Status TakeOptions(const arrow::Buffer& bytes) {
    ARROW_ASSIGN_OR_RAISE(options_, ParseMessage<PutOptions>(std::string_view(bytes), &encoding_));
    return arrow::Status::OK();
  }

  /// The first message behind the schema may bring the options.
  arrow::Status TakeOptionsOf(std::optional<StreamItem>& item) {
    if (options_given_) return arrow::Status::OK();
    options_given_ = true;
    if (!item || !item->app_metadata || item->app_metadata->size() == 0) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(TakeOptions(*item->app_metadata));
    item->app_metadata = nullptr;
    return arrow::Status::OK();
  }

  void Accept() {
    if (path_) {
      auto taken = open_->node->parts.registry->store()->Find(*path_);
      if (taken && options_.if_exists == IfExists::kError) return open_->Finish(Taken());
      if (taken && options_.if_exists == IfExists::kReuse) {
        // The receipt tells of what is there.
        auto allowed = open_->caller.CheckRead(*path_);
        return allowed.ok() ? AnswerReused(taken->info()) : open_->Finish(allowed);
      }
    }
    Send(ProgressReceipt("ACCEPTED"), &PutSession::Next);
  }

  arrow::Status Taken() const {
    return MakeError(ErrorCode::kAlreadyExists,
                     "there is a flight at '" + path_->ToString() + "' already",
                     "Put with ifExists REPLACE or REUSE, take another path, or delete it first.");
  }

  void AnswerReused(const StoredFlightInfo& info) {
    PutReceipt receipt = ReceiptOf(info);
    receipt.reused = true;
    Finish(receipt);
  }

  /// Tells the client, and goes on with `then` when that is out.
  void Send(const PutReceipt& receipt, void (PutSession::*then)()) {
    watch_->Begin();
    open_->call->Write(ReceiptFrame(receipt), transport::WriteHint::kFlush,
                       [self = shared_from_this(), then](bool ok) {
                         if (!self->watch_->End() || !ok) return self->Gone();
                         (self.get()->*then)();
                       });
  }

  void Next() {
    if (have_held_) {
      have_held_ = false;
      return OnItem(std::move(held_));
    }
    ReadItem([this](std::optional<StreamItem> item) { OnItem(std::move(item)); });
  }

  void OnItem(std::optional<StreamItem> item) {
    auto status = TakeOptionsOf(item);
    if (!status.ok()) return Fail(status);
    if (!item) return AllArrived();
    if (!item->batch) return Next();
    RunStep([self = shared_from_this(), batch = std::move(item->batch)]() -> arrow::Status {
      ARROW_RETURN_NOT_OK(self->AppendBatch(batch));
      self->Next();
      return arrow::Status::OK();
    });
  }

  /// Runs a step where the data arrives if the store never blocks, else on the pool.
  void RunStep(std::function<arrow::Status()> step) {
    auto guarded = [self = shared_from_this(), step = std::move(step)] {
      auto status = Guard(*self->open_->node->parts.logger, "a put", step);
      if (!status.ok()) self->Fail(status);
    };
    if (!service_ && !open_->node->parts.registry->store()->puts_block()) return guarded();
    auto queued = RunSoon(*open_, std::move(guarded));
    if (!queued.ok()) Fail(queued);
  }

  arrow::Status Begin() {
    if (put_) return arrow::Status::OK();
    auto schema = receiver_->schema();
    if (!schema) {
      return MakeError(ErrorCode::kBadArgument, "the put has no schema",
                       "The first message of a put carries the descriptor and the schema.");
    }
    if (service_) {
      ARROW_ASSIGN_OR_RAISE(put_, service_->BeginPut(command_->fields, schema));
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(schema_, ChangeMetadata(schema, options_.metadata));
    PutRequest request{*path_, schema_, options_.if_exists, options_.ttl_sec};
    ARROW_ASSIGN_OR_RAISE(put_, open_->node->parts.registry->store()->BeginPut(std::move(request)));
    return arrow::Status::OK();
  }

  arrow::Status AppendBatch(std::shared_ptr<arrow::RecordBatch> batch) {
    ARROW_RETURN_NOT_OK(Begin());
    if (schema_ && !options_.metadata.empty()) {
      batch = arrow::RecordBatch::Make(schema_, batch->num_rows(), batch->columns());
    }
    return put_->Append(std::move(batch));
  }

  void AllArrived() { Send(ProgressReceipt("RECEIVED"), &PutSession::Commit); }

  void Commit() {
    RunStep([self = shared_from_this()]() -> arrow::Status {
      ARROW_RETURN_NOT_OK(self->Begin());
      auto put = std::move(self->put_);
      ARROW_ASSIGN_OR_RAISE(auto info, put->Commit());
      self->open_->node->revisions.Advance(info.revision);
      self->open_->call->AddResponseHeader("x-longbow-sync-rev", std::to_string(info.revision));
      self->Finish(ReceiptOf(info));
      return arrow::Status::OK();
    });
  }

  PutReceipt ProgressReceipt(const char* state) const {
    PutReceipt receipt;
    receipt.state = state;
    receipt.path = path_;
    return receipt;
  }

  Frame ReceiptFrame(const PutReceipt& receipt) const {
    return PutResult(*arrow::Buffer::FromString(SerializeMessage(receipt, encoding_)));
  }

  static PutReceipt ReceiptOf(const StoredFlightInfo& info) {
    PutReceipt receipt;
    receipt.state = "STORED";
    receipt.path = info.path;
    receipt.revision = info.revision;
    receipt.rows = info.rows;
    receipt.bytes = info.bytes;
    return receipt;
  }

  void Finish(const PutReceipt& receipt) { open_->call->WriteAndFinish(ReceiptFrame(receipt)); }

  void Fail(const arrow::Status& status) {
    put_.reset();
    open_->Finish(status);
  }

  /// So is one that was overdue, whose call has ended with that.
  void Gone() { Fail(MakeError(ErrorCode::kCommandCancelled, "the client of the put is gone")); }

  OpenCallPtr open_;
  std::shared_ptr<DataReceiver> receiver_;
  ReceivedStart start_;
  std::shared_ptr<ClientWatch> watch_;
  std::optional<FlightPath> path_;
  std::shared_ptr<Service> service_;
  std::shared_ptr<const Command> command_;
  Encoding encoding_ = Encoding::kJson;
  PutOptions options_;
  bool options_given_ = false;
  std::optional<StreamItem> held_;
  bool have_held_ = false;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<FlightPut> put_;
};

void PutByCommand(const OpenCallPtr& open, std::shared_ptr<DataReceiver> receiver,
                  ReceivedStart start) {
  NodeContext* node = open->node;
  auto parsed = ParseCommandDescriptor(start.descriptor.cmd, node->options.command_limits);
  if (!parsed.ok()) return open->Finish(parsed.status());
  if (std::holds_alternative<RawCommand>(*parsed)) {
    return TakeItems(open, std::move(receiver), std::move(start), &FlightMethods::DoPut);
  }
  auto* command = std::get_if<Command>(&*parsed);
  if (command == nullptr) {
    return open->Finish(MakeError(ErrorCode::kBadArgument,
                                  "a put takes a path or a command, not a wait for a task"));
  }
  auto service = node->runner->FindChecked(*command, open->caller);
  if (!service.ok()) return open->Finish(service.status());
  auto room = CheckMemory(*node);
  if (!room.ok()) return open->Finish(room);
  open->call->Annotate("service", command->service);
  auto session = std::make_shared<PutSession>(open, std::move(receiver), std::move(start));
  session->StartService(std::move(*service), std::make_shared<const Command>(std::move(*command)));
}

void PutByPath(const OpenCallPtr& open, std::shared_ptr<DataReceiver> receiver,
               ReceivedStart start) {
  if (!open->node->parts.registry->store()) {
    return TakeItems(open, std::move(receiver), std::move(start), &FlightMethods::DoPut);
  }
  auto path = FlightPath::Make(start.descriptor.path);
  if (!path.ok()) return open->Finish(path.status());
  auto allowed = open->caller.CheckWrite(*path);
  if (allowed.ok()) allowed = CheckNotCachePath(*path);
  if (allowed.ok()) allowed = CheckMemory(*open->node);
  if (!allowed.ok()) return open->Finish(allowed);
  open->call->Annotate("path", path->ToString());
  std::make_shared<PutSession>(open, std::move(receiver), std::move(start))
      ->StartPath(std::move(*path));
}

}  // namespace

void ServeDoPut(OpenCallPtr open) {
  auto receiver = std::make_shared<DataReceiver>(*open);
  receiver->ReadStart([open, receiver](arrow::Result<ReceivedStart> start) {
    if (!start.ok()) return open->Finish(start.status());
    AfterSync(open, [open, receiver, start = std::move(*start)]() mutable {
      if (start.descriptor.type == FlightDescriptor::PATH) {
        PutByPath(open, receiver, std::move(start));
      } else {
        PutByCommand(open, receiver, std::move(start));
      }
    });
  });
}

}  // namespace longbow::flight
