/// \file
/// The low-level way to write a module: answer the raw Flight calls, with the server around them.
///
/// The server answers what is Longbow's own (command envelopes of registered services, its tickets
/// and actions, flights by path where a store is loaded). Every other call is offered to the raw
/// methods of the modules, in the order of registration, until one does not answer `NotHandled()`.
///
/// All functions run on worker threads, several at a time, and may block; a long one asks
/// `CallContext::cancelled`. No exception may leave them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/flight/type_fwd.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/call_context.h>

namespace longbow {

/// One message of a stream: a batch, application metadata, or both.
struct StreamItem {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::shared_ptr<arrow::Buffer> app_metadata;
};

/// Data that goes out. Pulled by one thread at a time, only when the reader can take more.
class ItemStream {
 public:
  virtual ~ItemStream() = default;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// The next item; nothing at the end. May block.
  virtual arrow::Result<std::optional<StreamItem>> Next() = 0;
};

/// Sends the answers of a put or an exchange. Valid while its handler lives. Thread-safe; queues,
/// and fails with COMMAND_CANCELLED when the client is gone.
class ItemWriter {
 public:
  virtual ~ItemWriter() = default;
  /// Of an exchange: before its first batch. A put has no schema.
  virtual arrow::Status Begin(const std::shared_ptr<arrow::Schema>& schema) = 0;
  /// In a put, only `app_metadata` counts. Blocks while the client does not read.
  virtual arrow::Status Write(StreamItem item) = 0;
};

/// Takes what a client sends in a DoPut or DoExchange. Calls come one at a time. Destroyed after
/// `End`, after an error, or, without `End`, when the client breaks off.
class ItemHandler {
 public:
  virtual ~ItemHandler() = default;
  virtual arrow::Status OnItem(StreamItem item, ItemWriter& writer) = 0;
  /// The client has sent all.
  virtual arrow::Status OnEnd(ItemWriter& writer) = 0;
};

/// What `OnItem` is preceded by. The schema is null where the client sent none.
struct StreamStart {
  const arrow::flight::FlightDescriptor& descriptor;
  std::shared_ptr<arrow::Schema> schema;
};

/// The raw Flight calls. Each answers `NotHandled()` by default.
class FlightMethods {
 public:
  virtual ~FlightMethods() = default;

  /// "Not mine": the call is offered to the next module.
  static arrow::Status NotHandled();
  static bool IsNotHandled(const arrow::Status& status);

  virtual arrow::Result<std::string> Handshake(CallContext& context, const std::string& payload);
  virtual arrow::Result<std::vector<arrow::flight::FlightInfo>> ListFlights(
      CallContext& context, const std::string& criteria);
  virtual arrow::Result<std::unique_ptr<arrow::flight::FlightInfo>> GetFlightInfo(
      CallContext& context, const arrow::flight::FlightDescriptor& descriptor);
  virtual arrow::Result<std::unique_ptr<arrow::flight::PollInfo>> PollFlightInfo(
      CallContext& context, const arrow::flight::FlightDescriptor& descriptor);
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(
      CallContext& context, const arrow::flight::FlightDescriptor& descriptor);
  virtual arrow::Result<std::unique_ptr<ItemStream>> DoGet(CallContext& context,
                                                           const arrow::flight::Ticket& ticket);
  virtual arrow::Result<std::unique_ptr<ItemHandler>> DoPut(CallContext& context,
                                                            const StreamStart& start);
  virtual arrow::Result<std::unique_ptr<ItemHandler>> DoExchange(CallContext& context,
                                                                 const StreamStart& start);
  virtual arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> DoAction(
      CallContext& context, const arrow::flight::Action& action);
  /// ListActions answers them beside the server's own. A node with neither services nor a store
  /// lists the modules' actions only.
  virtual std::vector<arrow::flight::ActionType> ListActions();
};

}  // namespace longbow
