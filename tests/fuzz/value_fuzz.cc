// JSON texts: whatever parses is the same value after a way out and back.

#include <string>

#include <longbow/value.h>

#include "require.h"

namespace longbow::fuzz {
namespace {

void Check(std::string_view text) {
  const auto value = Value::FromJson(text);
  if (!value.ok()) return RequireShowable(value.status(), ErrorCode::kBadArgument);
  const std::string json = value->ToJson();
  Require(IsValidUtf8(json), "written JSON is UTF-8");
  const auto again = Value::FromJson(json);
  Require(again.ok(), "written JSON parses: " + json + ": " + again.status().ToString());
  Require(*again == *value, "a value survives: " + json);
  Require(again->ToJson() == json, "equal values have equal text: " + json);
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longbow::fuzz::Check(longbow::fuzz::TextOf(data, size));
  return 0;
}
