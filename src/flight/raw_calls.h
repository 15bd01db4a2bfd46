/// \file
/// Calls that are not Longbow's own: offered to the modules that answer raw Flight calls.
#pragma once

#include <functional>

#include <arrow/flight/type_fwd.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_methods.h>

#include "flight/node_context.h"

namespace longbow::flight {

/// Runs `ask` on the pool, module by module, until one does not answer `NotHandled()`; then the
/// call has been answered, or ends with that module's error. Where none takes it, the call ends
/// with UNSUPPORTED_SERVICE or NOT_IMPLEMENTED, and says which services there are.
void OfferRaw(const OpenCallPtr& open, std::function<arrow::Status(FlightMethods&)> ask);

/// The same on the caller's own thread; the status is not `NotHandled()`.
/// The caller may use them.
arrow::Status AskMethods(const OpenCall& open,
                         const std::function<arrow::Status(FlightMethods&)>& ask);

}  // namespace longbow::flight
