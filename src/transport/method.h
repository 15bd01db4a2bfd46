/// \file
/// The names of the service's methods. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "transport/call.h"

namespace longbow::transport {

/// The method with the path `path`, such as `/arrow.flight.protocol.FlightService/DoGet`; nothing
/// where the service has none of that name.
std::optional<Method> MethodOfPath(std::string_view path);

}  // namespace longbow::transport
