#include "access/identity.h"

#include "base/utf8.h"

namespace longbow::access {
namespace {

// U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
bool HasControl(std::string_view text) {
  bool after_c2 = false;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (after_c2 && byte <= 0x9f) return true;
    after_c2 = byte == 0xc2;
  }
  return false;
}

}  // namespace

bool IsPlainText(std::string_view text, size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes && IsValidUtf8(text) && !HasControl(text);
}

}  // namespace longbow::access
