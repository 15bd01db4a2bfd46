/// \file
/// The limit of the store's memory, and what is charged against it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <arrow/buffer.h>

namespace longbow::storage {

/// Counts bytes against a limit that is never passed. Thread-safe; nothing blocks.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit) : limit_(limit) {}

  /// Adds `bytes` if all of them fit; else changes nothing and returns false.
  bool TryCharge(int64_t bytes);
  void Release(int64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  int64_t limit() const { return limit_; }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

/// Bytes charged to a budget and given back by the destructor. Movable; for one thread at a time.
class Charge {
 public:
  Charge() = default;
  explicit Charge(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}
  Charge(Charge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Charge() {
    if (budget_ != nullptr) budget_->Release(bytes_);
  }

  /// As `MemoryBudget::TryCharge`.
  bool TryGrow(int64_t bytes);
  int64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<MemoryBudget> budget_;
  int64_t bytes_ = 0;
};

/// A buffer that the store keeps. Its memory is charged until the last one who refers to it, be it
/// a flight, a reader's batch or a message being sent, has let it go.
class CountedBuffer : public arrow::Buffer {
 public:
  /// \param held the buffer whose memory this one shows, all of it
  /// \param charge what is given back when this one is destroyed
  CountedBuffer(std::shared_ptr<arrow::Buffer> held, Charge charge);
  ~CountedBuffer() override;

  const std::shared_ptr<arrow::Buffer>& held() const { return held_; }

 private:
  Charge charge_;  // Destroyed after `held_`: memory is free before it counts as free.
  std::shared_ptr<arrow::Buffer> held_;
};

/// The size for people, such as `1.5 GB`.
std::string SizeText(int64_t bytes);

}  // namespace longbow::storage
