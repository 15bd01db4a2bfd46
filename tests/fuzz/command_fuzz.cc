// Commands: whatever parses says the same after a way out and back, in both encodings.

#include <string>
#include <variant>

#include "payload/command.h"
#include "require.h"

namespace longbow::fuzz {
namespace {

void CheckCommand(const Command& command) {
  const std::string canonical = CanonicalText(command, /*with_sink=*/true);
  Require(CanonicalText(command, true) == canonical, "the canonical text is the same twice");
  CanonicalText(command, /*with_sink=*/false);
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    const auto again = ParseCommandDescriptor(SerializeCommand(command, encoding));
    Require(again.ok(), "a written command parses: " + again.status().ToString());
    const auto* other = std::get_if<Command>(&*again);
    Require(other != nullptr, "a written command is a command");
    Require(other->encoding == encoding, "the encoding is found");
    Require(other->node == command.node, "the node is kept");
    const std::string text = CanonicalText(*other, true);
    Require(text == canonical, "the canonical text survives: " + canonical + " -> " + text);
  }
}

void CheckReference(const std::string& bytes, const TaskReference& task, bool retry) {
  const auto again = ParseCommandDescriptor(bytes);
  Require(again.ok(), "a written reference parses: " + again.status().ToString());
  const TaskReference* other = nullptr;
  if (retry) {
    if (const auto* request = std::get_if<RetryRequest>(&*again)) other = &request->task;
  } else {
    if (const auto* request = std::get_if<CancelRequest>(&*again)) other = &request->task;
  }
  Require(other != nullptr, "a written reference keeps its kind");
  Require(other->task == task.task && other->node == task.node, "a reference survives");
}

void Check(std::string_view bytes) {
  const auto parsed = ParseCommandDescriptor(bytes);
  if (!parsed.ok()) return RequireShowable(parsed.status(), ErrorCode::kBadArgument);
  if (const auto* command = std::get_if<Command>(&*parsed)) return CheckCommand(*command);
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    if (const auto* retry = std::get_if<RetryRequest>(&*parsed)) {
      CheckReference(SerializeRetry(retry->task, encoding), retry->task, true);
    }
    if (const auto* cancel = std::get_if<CancelRequest>(&*parsed)) {
      CheckReference(SerializeCancel(cancel->task, encoding), cancel->task, false);
    }
  }
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longbow::fuzz::Check(longbow::fuzz::TextOf(data, size));
  return 0;
}
