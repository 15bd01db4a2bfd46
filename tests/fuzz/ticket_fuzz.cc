// Tickets: whatever parses is the same after a way out and back, in both encodings.

#include <string>
#include <variant>

#include "payload/ticket.h"
#include "require.h"

namespace longbow::fuzz {
namespace {

bool Equal(const TaskTicket& a, const TaskTicket& b) {
  return a.task.task == b.task.task && a.task.node == b.task.node;
}
bool Equal(const FlightTicket& a, const FlightTicket& b) {
  return a.path == b.path && a.revision == b.revision;
}

template <typename T>
void CheckRoundTrip(const T& ticket) {
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    const auto again = ParseTicket(SerializeTicket(ticket, encoding));
    Require(again.ok(), "a written ticket parses: " + again.status().ToString());
    const T* other = std::get_if<T>(&*again);
    Require(other != nullptr && Equal(*other, ticket), "a ticket survives");
  }
}

void Check(std::string_view bytes) {
  const auto parsed = ParseTicket(bytes);
  if (!parsed.ok()) return RequireShowable(parsed.status(), ErrorCode::kInvalidTicket);
  if (const auto* task = std::get_if<TaskTicket>(&*parsed)) CheckRoundTrip(*task);
  if (const auto* flight = std::get_if<FlightTicket>(&*parsed)) CheckRoundTrip(*flight);
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longbow::fuzz::Check(longbow::fuzz::TextOf(data, size));
  return 0;
}
