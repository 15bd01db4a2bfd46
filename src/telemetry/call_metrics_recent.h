/// \file
/// How many calls ended lately, and how long they took: for people who look at a node now.
/// Prometheus has its own memory.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <longbow/clock.h>

namespace longbow::telemetry {

/// A ring of short periods, each with a histogram of durations. Thread-safe without a lock: a call
/// that ends while a period begins may be missed, which nobody sees in a rate.
class RecentCalls {
 public:
  static constexpr std::chrono::seconds kPeriod{5};
  static constexpr int kRatePeriods = 2;       ///< The rate is that of the last 10 to 15 s.
  static constexpr int kDurationPeriods = 12;  ///< The durations are those of the last 60 s.

  struct Summary {
    double per_second = 0;
    double p50_ms = 0;  ///< within a quarter; 0 where no call ended
    double p99_ms = 0;
  };

  explicit RecentCalls(MonotonicTime start) : start_(start) {}

  /// A call ended at `now`. Costs a few nanoseconds.
  void Add(MonotonicTime now, double duration_sec);
  /// Costs a few microseconds.
  Summary Summarize(MonotonicTime now) const;

 private:
  // Four buckets for each power of two of microseconds; the last holds all above 4,000 s.
  static constexpr int kBuckets = 128;

  struct Period {
    std::atomic<int64_t> number{-1};
    std::array<std::atomic<uint32_t>, kBuckets> counts{};
  };
  using Counts = std::array<uint64_t, kBuckets>;

  static int BucketOf(double duration_sec);
  static double LowerBoundMs(int bucket);
  static double Quantile(const Counts& counts, uint64_t calls, double quantile);
  int64_t PeriodOf(MonotonicTime now) const;

  const MonotonicTime start_;
  // One more than are looked at: the running one is not over.
  std::array<Period, kDurationPeriods + 1> periods_;
};

}  // namespace longbow::telemetry
