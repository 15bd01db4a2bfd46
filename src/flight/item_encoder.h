/// \file
/// Encodes the items of a module's own stream: one message per item, application metadata kept.
#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_methods.h>
#include <longbow/ipc_encoder.h>

#include "transport/call.h"

namespace longbow::flight {

/// For one stream and one thread at a time.
class ItemEncoder {
 public:
  /// A null schema: the stream has application metadata only.
  static arrow::Result<std::unique_ptr<ItemEncoder>> Make(std::shared_ptr<arrow::Schema> schema);

  /// The schema's message, if there is a schema.
  arrow::Result<std::vector<transport::Frame>> Start();
  /// The item's metadata travels with its last message: dictionaries come before it.
  arrow::Result<std::vector<transport::Frame>> Encode(const StreamItem& item);

 private:
  ItemEncoder() = default;
  std::unique_ptr<IpcEncoder> encoder_;
};

}  // namespace longbow::flight
