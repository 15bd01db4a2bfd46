// The scenarios that are about the messages of GetFlightInfo and PollFlightInfo, and keep nothing.

#include <map>
#include <utility>

#include <arrow/type.h>
#include <longbow/error.h>

#include "answers.h"
#include "scenarios.h"

namespace longbow::conformance {
namespace {

using arrow::flight::FlightDescriptor;
using arrow::flight::Location;
using arrow::flight::PollInfo;
using arrow::flight::Ticket;

class MiddlewareScenario : public FlightMethods {
 public:
  InfoResult GetFlightInfo(CallContext& context, const FlightDescriptor& descriptor) override {
    const bool fails = IsCommand(descriptor, "");
    if (!fails && !IsCommand(descriptor, "success")) return NotHandled();
    if (auto sent = context.FindHeader(kHeader)) context.AddResponseHeader(kHeader, *sent);
    if (fails) return MakeError(ErrorCode::kUnknown, "this call fails, as the scenario wants");
    auto endpoint = EndpointOf("foo");
    ARROW_ASSIGN_OR_RAISE(auto location, Location::ForGrpcTcp("localhost", 10010));
    endpoint.locations.push_back(std::move(location));
    return MakeInfo(arrow::schema({}), descriptor, {std::move(endpoint)});
  }

 private:
  static constexpr std::string_view kHeader = "x-middleware";
};

class OrderedScenario : public FlightMethods {
 public:
  InfoResult GetFlightInfo(CallContext&, const FlightDescriptor& descriptor) override {
    if (!IsCommand(descriptor, "ordered")) return NotHandled();
    ARROW_ASSIGN_OR_RAISE(
        auto info, arrow::flight::FlightInfo::Make(
                       schema_, descriptor, {EndpointOf("1"), EndpointOf("2"), EndpointOf("3")},
                       /*total_records=*/-1, /*total_bytes=*/-1, /*ordered=*/true));
    return std::make_unique<arrow::flight::FlightInfo>(std::move(info));
  }

  arrow::Result<std::unique_ptr<ItemStream>> DoGet(CallContext&, const Ticket& ticket) override {
    static const std::map<std::string, std::vector<int64_t>> parts = {
        {"1", {1, 2, 3}}, {"2", {10, 20, 30}}, {"3", {100, 200, 300}}};
    const auto part = parts.find(ticket.ticket);
    if (part == parts.end()) return NotHandled();
    return NumberStream(schema_, part->second);
  }

 private:
  std::shared_ptr<arrow::Schema> schema_ = NumberSchema(arrow::int32());
};

class ReuseConnectionScenario : public FlightMethods {
 public:
  InfoResult GetFlightInfo(CallContext&, const FlightDescriptor& descriptor) override {
    if (!IsCommand(descriptor, "reuse")) return NotHandled();
    auto endpoint = EndpointOf("reuse");
    endpoint.locations.push_back(Location::ReuseConnection());
    return MakeInfo(arrow::schema({}), descriptor, {std::move(endpoint)});
  }
};

class AppMetadataScenario : public FlightMethods {
 public:
  InfoResult GetFlightInfo(CallContext&, const FlightDescriptor& descriptor) override {
    if (!IsCommand(descriptor, "foobar")) return NotHandled();
    auto endpoint = EndpointOf("");
    endpoint.app_metadata = descriptor.cmd;
    ARROW_ASSIGN_OR_RAISE(auto info,
                          arrow::flight::FlightInfo::Make(NumberSchema(arrow::uint32()), descriptor,
                                                          {std::move(endpoint)},
                                                          /*total_records=*/-1, /*total_bytes=*/-1,
                                                          /*ordered=*/false, descriptor.cmd));
    return std::make_unique<arrow::flight::FlightInfo>(std::move(info));
  }
};

class PollScenario : public FlightMethods {
 public:
  explicit PollScenario(const Clock& clock) : clock_(clock) {}

  arrow::Result<std::unique_ptr<PollInfo>> PollFlightInfo(
      CallContext&, const FlightDescriptor& descriptor) override {
    const bool done = IsCommand(descriptor, kPoll);
    if (!done && !IsCommand(descriptor, "heavy query")) return NotHandled();
    auto poll = std::make_unique<PollInfo>();
    ARROW_ASSIGN_OR_RAISE(poll->info, MakeInfo(NumberSchema(arrow::uint32()), descriptor,
                                               {EndpointOf("long-running query")}));
    poll->progress = done ? 1.0 : 0.1;
    if (!done) {
      poll->descriptor = FlightDescriptor::Command(kPoll);
      poll->expiration_time = SecondsFromNow(clock_, 10);
    }
    return poll;
  }

 private:
  static constexpr const char* kPoll = "poll";
  const Clock& clock_;
};

}  // namespace

std::shared_ptr<FlightMethods> MakeMiddlewareScenario() {
  return std::make_shared<MiddlewareScenario>();
}
std::shared_ptr<FlightMethods> MakeOrderedScenario() { return std::make_shared<OrderedScenario>(); }
std::shared_ptr<FlightMethods> MakeReuseConnectionScenario() {
  return std::make_shared<ReuseConnectionScenario>();
}
std::shared_ptr<FlightMethods> MakeAppMetadataScenario() {
  return std::make_shared<AppMetadataScenario>();
}
std::shared_ptr<FlightMethods> MakePollScenario(const Clock& clock) {
  return std::make_shared<PollScenario>(clock);
}

}  // namespace longbow::conformance
