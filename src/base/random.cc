#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace longbow {

std::string Random::NextId() {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char bytes[16];
  Fill(bytes, sizeof(bytes));
  std::string id;
  id.reserve(2 * sizeof(bytes));
  for (unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

void SystemRandom::Fill(void* out, size_t size) {
  auto* next = static_cast<char*>(out);
  while (size > 0) {
    ssize_t got = ::getrandom(next, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      // Going on with guessable ids would be worse than not going on.
      std::perror("The kernel gives no random bytes (getrandom)");
      std::abort();
    }
    next += got;
    size -= static_cast<size_t>(got);
  }
}

void FakeRandom::Fill(void* out, size_t size) {
  auto* next = static_cast<char*>(out);
  while (size > 0) {
    // SplitMix64: each step of the counter gives eight bytes.
    constexpr uint64_t kStep = 0x9E3779B97F4A7C15;
    uint64_t z = state_.fetch_add(kStep) + kStep;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    size_t count = size < sizeof(z) ? size : sizeof(z);
    std::memcpy(next, &z, count);
    next += count;
    size -= count;
  }
}

}  // namespace longbow
