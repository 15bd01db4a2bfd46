#include "telemetry/process_statistics.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

#include "telemetry/metrics_exposition.h"
#include "telemetry/metrics_registry.h"
#include "telemetry/process_metrics.h"

namespace longbow::telemetry {
namespace {

using std::chrono::milliseconds;

TEST(ProcessStatistics, ParsesStatm) {
  auto pages = ParseStatm("765 427 399 5 0 123 0\n");
  ASSERT_TRUE(pages.ok());
  EXPECT_EQ(pages->resident, 427);
  EXPECT_EQ(pages->shared, 399);
  for (const char* bad : {"", "1", "1 2", "1 a 2", "1 2x 3", "1 99999999999999999999 3", "\n"}) {
    EXPECT_EQ(ErrorCodeOf(ParseStatm(bad).status()), ErrorCode::kInternalError) << bad;
  }
}

TEST(ProcessStatistics, ParsesStatWithAnyName) {
  const std::string rest =
      " R 1 2 3 0 -1 4194304 99 0 0 0 120 30 0 0 20 0 7 0 3705073 3133440 380 18446744073709551615 "
      "94 94 1 0 0\n";
  for (const char* name : {"cat", "a b", ") R 1 1 1", "((", "))", ""}) {
    auto stat = ParseStat("13349 (" + std::string(name) + ")" + rest);
    ASSERT_TRUE(stat.ok()) << name;
    EXPECT_EQ(stat->user_ticks, 120);
    EXPECT_EQ(stat->system_ticks, 30);
    EXPECT_EQ(stat->threads, 7);
    EXPECT_EQ(stat->start_ticks, 3705073);
  }
  for (const char* bad :
       {"", ")", "1 (a) R 1 2 3", "1 a R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"}) {
    EXPECT_EQ(ErrorCodeOf(ParseStat(bad).status()), ErrorCode::kInternalError) << bad;
  }
}

class ProcessProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto probe = ProcessProbe::Make();
    ASSERT_TRUE(probe.ok()) << probe.status().ToString();
    probe_ = std::move(*probe);
  }
  ProcessStatistics Read() const {
    auto statistics = probe_->Read();
    EXPECT_TRUE(statistics.ok()) << statistics.status().ToString();
    return statistics.ok() ? *statistics : ProcessStatistics{};
  }

  std::unique_ptr<ProcessProbe> probe_;
};

TEST_F(ProcessProbeTest, ReadsThisProcess) {
  const ProcessStatistics now = Read();
  EXPECT_GT(now.rss_bytes, 1 << 20);
  EXPECT_GT(now.anonymous_bytes, 0);
  EXPECT_LE(now.anonymous_bytes, now.rss_bytes);
  EXPECT_GE(now.threads, 1);
  EXPECT_GE(now.open_files, 5);  // the three of every process, the two of the probe
  EXPECT_GE(now.open_files_limit, now.open_files);
  EXPECT_GE(now.cpu_seconds, 0);
  const auto age = SystemClock().WallNow() - now.started;
  EXPECT_GT(age, std::chrono::seconds(-2));  // the kernel's tick and second are coarse
  EXPECT_LT(age, std::chrono::hours(1));
}

TEST_F(ProcessProbeTest, SeesFilesAndThreads) {
  const ProcessStatistics before = Read();
  std::vector<int> files;
  for (int i = 0; i < 20; ++i) files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(Read().open_files, before.open_files + 20);
  for (int file : files) close(file);
  EXPECT_EQ(Read().open_files, before.open_files);
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  std::thread thread([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stop; });
  });
  EXPECT_EQ(Read().threads, before.threads + 1);
  {
    std::lock_guard lock(mutex);
    stop = true;
  }
  changed.notify_all();
  thread.join();
}

// Mapped pages that were written to, until it goes.
class Mapping {
 public:
  Mapping(size_t bytes, int flags, int file)
      : bytes_(bytes), data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0)) {
    if (data_ != MAP_FAILED) std::memset(data_, 1, bytes);
  }
  ~Mapping() { munmap(data_, bytes_); }
  bool ok() const { return data_ != MAP_FAILED; }

 private:
  const size_t bytes_;
  void* const data_;
};

TEST_F(ProcessProbeTest, TellsAnonymousMemoryFromMappedFiles) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  constexpr int64_t kNearly = kBytes * 9 / 10;
  const int64_t before = *probe_->AnonymousMemory();
  {
    Mapping anonymous(kBytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    ASSERT_TRUE(anonymous.ok());
    EXPECT_GE(*probe_->AnonymousMemory() - before, kNearly);
  }
  EXPECT_LE(*probe_->AnonymousMemory() - before, kBytes - kNearly);
  const int file = memfd_create("mapped", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, kBytes), 0);
  const int64_t rss = Read().rss_bytes;
  {
    Mapping mapped(kBytes, MAP_SHARED, file);
    ASSERT_TRUE(mapped.ok());
    EXPECT_LE(*probe_->AnonymousMemory() - before, kBytes - kNearly);
    EXPECT_GE(Read().rss_bytes - rss, kNearly);
  }
  close(file);
}

// Says what it is told to, and counts.
class FakeProcessProbe : public ProcessProbe {
 public:
  arrow::Result<ProcessStatistics> Read() const override {
    ++reads;
    if (broken) return MakeError(ErrorCode::kInternalError, "no /proc");
    return statistics;
  }
  arrow::Result<int64_t> AnonymousMemory() const override { return statistics.anonymous_bytes; }

  ProcessStatistics statistics;
  bool broken = false;
  mutable int reads = 0;
};

class ProcessMetricsTest : public ::testing::Test {
 protected:
  Exposition Scrape() const { return Exposition(registry_->Scrape()); }

  longbow::testing::FakeClock clock_;
  FakeProcessProbe probe_;
  std::unique_ptr<MetricsRegistry> registry_ = MetricsRegistry::Make(nullptr);
};

TEST_F(ProcessMetricsTest, HasPrometheusNames) {
  probe_.statistics = {1000, 600, 12, 34, 1024, 5.5, WallTime(std::chrono::seconds(1'700'000'000))};
  auto pool = arrow::MemoryPool::CreateDefault();
  ProcessMetrics metrics(
      {registry_.get(), &probe_, &clock_, pool.get(), {{"duckdb_version", "x"}}});
  uint8_t* data = nullptr;
  ASSERT_TRUE(pool->Allocate(4096, &data).ok());
  const Exposition text = Scrape();
  pool->Free(data, 4096);
  EXPECT_EQ(text.value("process_resident_memory_bytes"), 1000);
  EXPECT_EQ(text.value("process_threads"), 12);
  EXPECT_EQ(text.value("process_open_fds"), 34);
  EXPECT_EQ(text.value("process_max_fds"), 1024);
  EXPECT_EQ(text.value("process_cpu_seconds_total"), 5.5);
  EXPECT_EQ(text.value("process_start_time_seconds"), 1'700'000'000);
  EXPECT_EQ(text.value("longbow_memory_anonymous_bytes"), 600);
  EXPECT_EQ(text.value("longbow_arrow_pool_bytes"), 4096);
  EXPECT_GE(text.value("longbow_arrow_pool_peak_bytes"), 4096);
  ASSERT_TRUE(text.HasName("longbow_build_info"));
  for (const Exposition::Sample& sample : text.samples()) {
    if (sample.name != "longbow_build_info") continue;
    EXPECT_EQ(sample.value, 1);
    EXPECT_EQ(sample.labels.size(), 3u);
    EXPECT_NE(sample.labels.at("arrow_version"), "");
  }
}

TEST_F(ProcessMetricsTest, LooksOnceAScrape) {
  ProcessMetrics metrics({registry_.get(), &probe_, &clock_});
  Scrape();
  Scrape();
  EXPECT_EQ(probe_.reads, 1);
  probe_.statistics.threads = 9;
  clock_.Advance(milliseconds(501));
  EXPECT_EQ(Scrape().value("process_threads"), 9);
  EXPECT_EQ(probe_.reads, 2);
  EXPECT_FALSE(Scrape().HasName("longbow_arrow_pool_bytes"));
}

TEST_F(ProcessMetricsTest, ShowsNothingWrongWhereItCannotLook) {
  probe_.broken = true;
  {
    ProcessMetrics metrics({registry_.get(), &probe_, &clock_});
    EXPECT_EQ(Scrape().samples().size(), 1u);  // the build
  }
  probe_.broken = false;
  clock_.Advance(milliseconds(501));
  EXPECT_FALSE(Scrape().HasName("process_threads"));
}

}  // namespace
}  // namespace longbow::telemetry
