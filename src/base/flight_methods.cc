#include <longbow/flight_methods.h>

#include <cstring>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>
#include <arrow/type.h>

namespace longbow {
namespace {

constexpr char kNotHandledType[] = "longbow::NotHandled";

/// Marks the answer "not mine", so that it cannot be taken for an error that a module means.
class NotHandledDetail : public arrow::StatusDetail {
 public:
  const char* type_id() const override { return kNotHandledType; }
  std::string ToString() const override { return "not handled"; }
};

}  // namespace

arrow::Status FlightMethods::NotHandled() {
  return arrow::Status(arrow::StatusCode::NotImplemented, "No module answers this call",
                       std::make_shared<NotHandledDetail>());
}

bool FlightMethods::IsNotHandled(const arrow::Status& status) {
  const std::shared_ptr<arrow::StatusDetail>& detail = status.detail();
  return detail != nullptr && std::strcmp(detail->type_id(), kNotHandledType) == 0;
}

arrow::Result<std::string> FlightMethods::Handshake(CallContext&, const std::string&) {
  return NotHandled();
}

arrow::Result<std::vector<arrow::flight::FlightInfo>> FlightMethods::ListFlights(
    CallContext&, const std::string&) {
  return NotHandled();
}

arrow::Result<std::unique_ptr<arrow::flight::FlightInfo>> FlightMethods::GetFlightInfo(
    CallContext&, const arrow::flight::FlightDescriptor&) {
  return NotHandled();
}

arrow::Result<std::unique_ptr<arrow::flight::PollInfo>> FlightMethods::PollFlightInfo(
    CallContext&, const arrow::flight::FlightDescriptor&) {
  return NotHandled();
}

arrow::Result<std::shared_ptr<arrow::Schema>> FlightMethods::GetSchema(
    CallContext&, const arrow::flight::FlightDescriptor&) {
  return NotHandled();
}

arrow::Result<std::unique_ptr<ItemStream>> FlightMethods::DoGet(CallContext&,
                                                                const arrow::flight::Ticket&) {
  return NotHandled();
}

arrow::Result<std::unique_ptr<ItemHandler>> FlightMethods::DoPut(CallContext&, const StreamStart&) {
  return NotHandled();
}

arrow::Result<std::unique_ptr<ItemHandler>> FlightMethods::DoExchange(CallContext&,
                                                                      const StreamStart&) {
  return NotHandled();
}

arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> FlightMethods::DoAction(
    CallContext&, const arrow::flight::Action&) {
  return NotHandled();
}

std::vector<arrow::flight::ActionType> FlightMethods::ListActions() { return {}; }

}  // namespace longbow
