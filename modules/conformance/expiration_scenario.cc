#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <utility>

#include <arrow/type.h>
#include <longbow/error.h>

#include "answers.h"
#include "scenarios.h"

namespace longbow::conformance {
namespace {

using arrow::flight::Action;
using arrow::flight::CancelStatus;
using arrow::flight::FlightDescriptor;
using arrow::flight::FlightEndpoint;
using arrow::flight::Ticket;
using arrow::flight::Timestamp;

/// Tickets are `INDEX: words`. Each GetFlightInfo starts the flight anew, with three endpoints: one
/// to be read once, and two that expire.
class ExpirationScenario : public FlightMethods {
 public:
  explicit ExpirationScenario(const Clock& clock) : clock_(clock) {}

  InfoResult GetFlightInfo(CallContext&, const FlightDescriptor& descriptor) override {
    if (!IsCommand(descriptor, "expiration_time")) return NotHandled();
    std::lock_guard lock(mutex_);
    parts_.clear();
    std::vector<FlightEndpoint> endpoints;
    endpoints.push_back(AddPart("No expiration time", std::nullopt));
    endpoints.push_back(AddPart("5 seconds", SecondsFromNow(clock_, 5)));
    endpoints.push_back(AddPart("6 seconds", SecondsFromNow(clock_, 6)));
    return MakeInfo(schema_, descriptor, endpoints);
  }

  arrow::Result<std::unique_ptr<ItemStream>> DoGet(CallContext&, const Ticket& ticket) override {
    std::lock_guard lock(mutex_);
    const auto index = FindPart(ticket);
    if (!index) return NotHandled();
    Part& part = parts_[*index];
    if (part.cancelled) return Unreadable(ticket, "it was cancelled");
    if (!part.expires && part.read) return Unreadable(ticket, "it was read already");
    if (part.expires && *part.expires < SecondsFromNow(clock_, 0)) {
      return Unreadable(ticket, "it has expired");
    }
    part.read = true;
    return NumberStream(schema_, {static_cast<int64_t>(*index)});
  }

  std::vector<arrow::flight::ActionType> ListActions() override {
    return {arrow::flight::ActionType::kCancelFlightInfo,
            arrow::flight::ActionType::kRenewFlightEndpoint};
  }

  ActionResults DoAction(CallContext&, const Action& action) override {
    if (action.type == arrow::flight::ActionType::kCancelFlightInfo.type) return Cancel(action);
    if (action.type == arrow::flight::ActionType::kRenewFlightEndpoint.type) return Renew(action);
    return NotHandled();
  }

 private:
  struct Part {
    std::optional<Timestamp> expires;
    bool read = false;
    bool cancelled = false;
  };

  FlightEndpoint AddPart(const std::string& words, std::optional<Timestamp> expires) {
    auto endpoint = EndpointOf(std::to_string(parts_.size()) + ": " + words);
    endpoint.expiration_time = expires;
    parts_.push_back({expires});
    return endpoint;
  }

  std::optional<size_t> FindPart(const Ticket& ticket) const {
    const std::string& text = ticket.ticket;
    const size_t colon = text.find(": ");
    if (colon == std::string::npos) return std::nullopt;
    size_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + colon, index);
    if (error != std::errc() || end != text.data() + colon || index >= parts_.size()) {
      return std::nullopt;
    }
    return index;
  }

  static arrow::Status Unreadable(const Ticket& ticket, const std::string& why) {
    return MakeError(ErrorCode::kBadArgument, "'" + ticket.ticket + "' cannot be read: " + why);
  }

  ActionResults Cancel(const Action& action) {
    ARROW_ASSIGN_OR_RAISE(auto request,
                          arrow::flight::CancelFlightInfoRequest::Deserialize(BodyOf(action)));
    std::lock_guard lock(mutex_);
    auto result = CancelStatus::kUnspecified;
    for (const auto& endpoint : request.info->endpoints()) {
      const auto index = FindPart(endpoint.ticket);
      if (!index || parts_[*index].cancelled) {
        result = CancelStatus::kNotCancellable;
        continue;
      }
      parts_[*index].cancelled = true;
      if (result == CancelStatus::kUnspecified) result = CancelStatus::kCancelled;
    }
    return OneResult(arrow::flight::CancelFlightInfoResult{result});
  }

  ActionResults Renew(const Action& action) {
    ARROW_ASSIGN_OR_RAISE(auto request,
                          arrow::flight::RenewFlightEndpointRequest::Deserialize(BodyOf(action)));
    FlightEndpoint endpoint = std::move(request.endpoint);
    std::lock_guard lock(mutex_);
    const auto index = FindPart(endpoint.ticket);
    if (!index) return NotHandled();
    endpoint.ticket.ticket += ": renewed (+ 10 seconds)";
    endpoint.expiration_time = SecondsFromNow(clock_, 10);
    parts_[*index].expires = endpoint.expiration_time;
    return OneResult(endpoint);
  }

  const Clock& clock_;
  std::shared_ptr<arrow::Schema> schema_ = NumberSchema(arrow::uint32());
  std::mutex mutex_;
  std::vector<Part> parts_;
};

}  // namespace

std::shared_ptr<FlightMethods> MakeExpirationScenario(const Clock& clock) {
  return std::make_shared<ExpirationScenario>(clock);
}

}  // namespace longbow::conformance
