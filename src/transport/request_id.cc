#include "transport/request_id.h"

#include <algorithm>
#include <random>

namespace longbow::transport {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;

uint64_t RandomWord() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

// The finaliser of splitmix64: different inputs give different, evenly spread outputs.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

void AppendHex(uint64_t value, std::string* out) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    out->push_back("0123456789abcdef"[(value >> shift) & 0xf]);
  }
}

}  // namespace

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

RequestIdSource::RequestIdSource() : high_seed_(RandomWord()), low_seed_(RandomWord()) {}

std::string RequestIdSource::Next() {
  // A system call for each id would cost more than the rest of the call's set-up.
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  const uint64_t n = count_.fetch_add(1, std::memory_order_relaxed) * kStep;
  std::string id;
  id.reserve(32);
  AppendHex(Mix(high_seed_ + n), &id);
  AppendHex(Mix(low_seed_ + n), &id);
  return id;
}

}  // namespace longbow::transport
