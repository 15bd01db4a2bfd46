// Options of a put, criteria and the bodies of actions. The first byte chooses which.

#include <array>
#include <string>

#include "payload/messages.h"
#include "require.h"

namespace longbow::fuzz {
namespace {

template <typename T>
void Check(std::string_view bytes) {
  const auto parsed = ParseMessage<T>(bytes);
  if (!parsed.ok()) return RequireShowable(parsed.status(), ErrorCode::kBadArgument);
  const std::string json = SerializeMessage(*parsed, Encoding::kJson);
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    const auto again = ParseMessage<T>(SerializeMessage(*parsed, encoding));
    Require(again.ok(), "a written message parses: " + again.status().ToString());
    const std::string text = SerializeMessage(*again, Encoding::kJson);
    Require(text == json, "a message survives: " + json + " -> " + text);
  }
}

// The numbers are those of the seeds in make_corpus.py.
constexpr std::array<void (*)(std::string_view), 10> kChecks = {
    Check<PutOptions>,             // 0
    Check<ListCriteria>,           // 1
    Check<HealthCheckRequest>,     // 2
    Check<GetLocationsRequest>,    // 3
    Check<ListNodesRequest>,       // 4
    Check<ListServicesRequest>,    // 5
    Check<DescribeFlightRequest>,  // 6
    Check<DeleteFlightsRequest>,   // 7
    Check<CancelTaskRequest>,      // 8
    Check<ListTasksRequest>,       // 9
};

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using longbow::fuzz::kChecks;
  if (size > 0) kChecks[data[0] % kChecks.size()](longbow::fuzz::TextOf(data + 1, size - 1));
  return 0;
}
