#include "flight/raw_calls.h"

#include <string>
#include <utility>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

arrow::Status NobodysCall(const OpenCall& open) {
  std::string services;
  for (const auto& service : open.node->parts.registry->services()) {
    const std::string& name = service->description().name;
    if (!open.caller.CheckRun(name).ok()) continue;
    services += (services.empty() ? "" : ", ") + name;
  }
  return MakeError(ErrorCode::kUnsupportedService,
                   std::string(transport::MethodName(open.call->method())) +
                       " was asked for something that no module of this node knows",
                   "A command is an envelope with one of the services: " + services + ".");
}

}  // namespace

arrow::Status AskMethods(const OpenCall& open,
                         const std::function<arrow::Status(FlightMethods&)>& ask) {
  for (const auto& methods : open.node->parts.registry->methods()) {
    auto status = Guard(open.call->logger(), transport::MethodName(open.call->method()),
                        [&] { return ask(*methods); });
    if (!FlightMethods::IsNotHandled(status)) return status;
  }
  return NobodysCall(open);
}

void OfferRaw(const OpenCallPtr& open, std::function<arrow::Status(FlightMethods&)> ask) {
  const auto allowed = open->caller.CheckRawMethods();
  if (!allowed.ok()) return open->Finish(allowed);
  if (open->node->parts.registry->methods().empty()) {
    return open->Finish(NobodysCall(*open));
  }
  RunOnPool(open, [open, ask = std::move(ask)] { return AskMethods(*open, ask); });
}

}  // namespace longbow::flight
