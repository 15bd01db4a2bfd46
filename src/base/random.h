/// \file
/// Randomness as an interface, so that tests know what they get.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace longbow {

/// Gives random bytes. Thread-safe; does not block once the machine has started.
class Random {
 public:
  virtual ~Random() = default;
  /// Fills `size` bytes at `out`.
  virtual void Fill(void* out, size_t size) = 0;
  /// 128 random bits as 32 lower-case hex digits: an id that nobody can guess.
  std::string NextId();
};

/// The kernel's randomness, good enough for secrets.
class SystemRandom : public Random {
 public:
  void Fill(void* out, size_t size) override;
};

/// A fixed sequence: the same for each object with the same seed.
class FakeRandom : public Random {
 public:
  explicit FakeRandom(uint64_t seed = 1) : state_(seed) {}
  void Fill(void* out, size_t size) override;

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace longbow
