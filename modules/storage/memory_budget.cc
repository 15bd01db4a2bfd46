#include "memory_budget.h"

#include <cstdio>

namespace longbow::storage {

bool MemoryBudget::TryCharge(int64_t bytes) {
  int64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool Charge::TryGrow(int64_t bytes) {
  if (!budget_->TryCharge(bytes)) return false;
  bytes_ += bytes;
  return true;
}

CountedBuffer::CountedBuffer(std::shared_ptr<arrow::Buffer> held, Charge charge)
    : Buffer(held->data(), held->size()), charge_(std::move(charge)), held_(std::move(held)) {}

CountedBuffer::~CountedBuffer() = default;

std::string SizeText(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 999.5 && unit < 4; ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof(text), value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text;
}

}  // namespace longbow::storage
