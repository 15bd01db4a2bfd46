#include "telemetry/call_metrics_recent.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace longbow::telemetry {
namespace {

constexpr double kMaxMicroseconds = 4e9;  // below 2^32, so that the last bucket is 127

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void RecentCalls::Add(MonotonicTime now, double duration_sec) {
  const int64_t number = PeriodOf(now);
  Period& period = periods_[static_cast<size_t>(number) % periods_.size()];
  int64_t seen = period.number.load(std::memory_order_acquire);
  if (seen > number) return;  // a thread that slept for a minute since it took the time
  if (seen < number && period.number.compare_exchange_strong(seen, number)) {
    for (auto& count : period.counts) count.store(0, std::memory_order_relaxed);
  }
  period.counts[static_cast<size_t>(BucketOf(duration_sec))].fetch_add(1,
                                                                       std::memory_order_relaxed);
}

RecentCalls::Summary RecentCalls::Summarize(MonotonicTime now) const {
  const int64_t number = PeriodOf(now);
  Counts counts{};
  uint64_t calls = 0;
  uint64_t rate_calls = 0;
  for (const Period& period : periods_) {
    const int64_t age = number - period.number.load(std::memory_order_acquire);
    if (age < 0 || age > kDurationPeriods || age > number) continue;
    uint64_t calls_here = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      const uint64_t count = period.counts[i].load(std::memory_order_relaxed);
      counts[i] += count;
      calls_here += count;
    }
    calls += calls_here;
    if (age <= kRatePeriods) rate_calls += calls_here;
  }
  Summary summary;
  // From the begin of the first period that counts until now; of a young node at least a second.
  const MonotonicTime rate_start = start_ + kPeriod * std::max<int64_t>(number - kRatePeriods, 0);
  summary.per_second = static_cast<double>(rate_calls) / std::max(Seconds(now - rate_start), 1.0);
  summary.p50_ms = Quantile(counts, calls, 0.5);
  summary.p99_ms = Quantile(counts, calls, 0.99);
  return summary;
}

int RecentCalls::BucketOf(double duration_sec) {
  const double us = duration_sec * 1e6;
  // Not a number is 0, too.
  const auto value = static_cast<uint64_t>(us >= 1 ? std::min(us, kMaxMicroseconds) : 0);
  if (value < 4) return static_cast<int>(value);
  const int power = std::bit_width(value) - 1;  // at least 2
  const auto quarter = static_cast<int>((value >> (power - 2)) & 3);
  return power * 4 + quarter;
}

double RecentCalls::LowerBoundMs(int bucket) {
  if (bucket < 8) return std::min(bucket, 4) * 1e-3;  // 4 to 7 are never used
  return std::ldexp(4 + bucket % 4, bucket / 4 - 2) * 1e-3;
}

double RecentCalls::Quantile(const Counts& counts, uint64_t calls, double quantile) {
  if (calls == 0) return 0;
  const double rank = quantile * static_cast<double>(calls);
  double below = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    const auto here = static_cast<double>(counts[static_cast<size_t>(bucket)]);
    if (here > 0 && below + here >= rank) {
      const double low = LowerBoundMs(bucket);
      // As if they were spread evenly over the bucket.
      return low + (LowerBoundMs(bucket + 1) - low) * (rank - below) / here;
    }
    below += here;
  }
  return LowerBoundMs(kBuckets);
}

int64_t RecentCalls::PeriodOf(MonotonicTime now) const {
  return std::max<int64_t>((now - start_) / kPeriod, 0);
}

}  // namespace longbow::telemetry
