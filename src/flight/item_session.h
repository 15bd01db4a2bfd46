/// \file
/// Puts and exchanges that a module's raw methods take, item by item.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_methods.h>

#include "flight/data_receiver.h"
#include "flight/node_context.h"

namespace longbow::flight {

/// A `PutResult` message with that metadata.
transport::Frame PutResult(const arrow::Buffer& app_metadata);

/// `FlightMethods::DoPut` or `FlightMethods::DoExchange`.
using ItemMethod = arrow::Result<std::unique_ptr<ItemHandler>> (FlightMethods::*)(
    CallContext&, const StreamStart&);

/// Offers the stream to the raw methods, and gives who takes it one item after the other, on the
/// pool.
void TakeItems(const OpenCallPtr& open, std::shared_ptr<DataReceiver> receiver, ReceivedStart start,
               ItemMethod method);

}  // namespace longbow::flight
