/// \file
/// Takes the messages of a DoPut or DoExchange in: decoded, one after the other, by the pace of who
/// uses them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <arrow/flight/types.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_methods.h>

#include "flight/client_watch.h"
#include "flight/node_context.h"
#include "transport/ipc_decoder.h"

namespace longbow::flight {

/// What the first message says.
struct ReceivedStart {
  arrow::flight::FlightDescriptor descriptor;
  std::shared_ptr<arrow::Schema> schema;  ///< null where the client sent none
  std::shared_ptr<arrow::Buffer> app_metadata;
};

/// Reads one message at a time when asked. Thread-safe; callbacks run on gRPC's threads.
class DataReceiver : public std::enable_shared_from_this<DataReceiver> {
 public:
  explicit DataReceiver(const OpenCall& open)
      : call_(open.call), decoder_(nullptr, open.node->options.max_message_bytes) {}

  /// The first message. Errors: BAD_ARGUMENT where it has no descriptor or is malformed;
  /// COMMAND_CANCELLED where the client is gone.
  void ReadStart(std::function<void(arrow::Result<ReceivedStart>)> done);

  /// Has the wait for each message of `ReadItem` watched; before the first one.
  void SetWatch(std::shared_ptr<ClientWatch> watch) { watch_ = std::move(watch); }

  /// The next batch or metadata, or nothing at the end. A message that only carries the schema or a
  /// dictionary is passed over. Errors: COMMAND_CANCELLED where the client is gone, or was overdue,
  /// which has ended the call; what is wrong with a message.
  using ItemCallback = std::function<void(arrow::Result<std::optional<StreamItem>>)>;
  void ReadItem(ItemCallback done);

  /// Known after `ReadStart`, or after the first batch; null before.
  std::shared_ptr<arrow::Schema> schema() const { return decoder_.schema(); }

 private:
  std::shared_ptr<transport::Call> call_;
  transport::IpcDecoder decoder_;
  std::shared_ptr<ClientWatch> watch_;  ///< may be null
};

}  // namespace longbow::flight
