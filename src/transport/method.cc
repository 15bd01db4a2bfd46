#include "transport/method.h"

#include <array>

namespace longbow::transport {
namespace {

constexpr std::string_view kPathPrefix = "/arrow.flight.protocol.FlightService/";

// In the order of the enumeration.
constexpr std::array<std::string_view, 10> kNames = {
    "Handshake", "ListFlights", "GetFlightInfo", "PollFlightInfo", "GetSchema",
    "DoGet",     "DoPut",       "DoExchange",    "DoAction",       "ListActions"};

}  // namespace

std::string_view MethodName(Method method) { return kNames[static_cast<size_t>(method)]; }

std::optional<Method> MethodOfPath(std::string_view path) {
  if (!path.starts_with(kPathPrefix)) return std::nullopt;
  path.remove_prefix(kPathPrefix.size());
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == path) return static_cast<Method>(i);
  }
  return std::nullopt;
}

}  // namespace longbow::transport
