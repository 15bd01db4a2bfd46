#include "flight/raw_calls.h"

#include <string>
#include <utility>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

arrow::Status NobodysCall(NodeContext* node, transport::Method method) {
  std::string services;
  for (const auto& service : node->parts.registry->services()) {
    services += (services.empty() ? "" : ", ") + service->description().name;
  }
  return MakeError(ErrorCode::kUnsupportedService,
                   std::string(transport::MethodName(method)) +
                       " was asked for something that no module of this node knows",
                   "A command is an envelope with one of the services: " + services + ".");
}

}  // namespace

arrow::Status AskMethods(NodeContext* node, transport::Method method,
                         const std::function<arrow::Status(FlightMethods&)>& ask) {
  for (const auto& methods : node->parts.registry->methods()) {
    auto status =
        Guard(*node->parts.logger, transport::MethodName(method), [&] { return ask(*methods); });
    if (!FlightMethods::IsNotHandled(status)) return status;
  }
  return NobodysCall(node, method);
}

void OfferRaw(const OpenCallPtr& open, std::function<arrow::Status(FlightMethods&)> ask) {
  if (open->node->parts.registry->methods().empty()) {
    return open->Finish(NobodysCall(open->node, open->call->method()));
  }
  RunOnPool(open, [open, ask = std::move(ask)] {
    return AskMethods(open->node, open->call->method(), ask);
  });
}

}  // namespace longbow::flight
