#include "telemetry/metrics_registry.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

#include "base/utf8.h"
#include "telemetry/metrics_exposition.h"
#include "telemetry/metrics_names.h"

namespace longbow::telemetry {
namespace {

using ::testing::HasSubstr;

class MetricsRegistryTest : public ::testing::Test {
 protected:
  Exposition Scrape() const { return Exposition(registry_->Scrape()); }
  size_t lines() const { return logger_.lines().size(); }

  longbow::testing::RecordingLogger logger_;
  std::unique_ptr<MetricsRegistry> registry_ = MetricsRegistry::Make(&logger_);
};

TEST_F(MetricsRegistryTest, ShowsEachKind) {
  registry_->AddCounter("reads_total", "Reads.").Increment(2);
  registry_->AddGauge("depth", "Depth.", {{"side", "left"}}).Set(-1.5);
  registry_->AddGauge("depth", "Depth.", {{"side", "right"}}).Add(3);
  Histogram& histogram = registry_->AddHistogram("took_seconds", "Time.", {0.5, 2});
  for (double value : {0.5, 1.0, 9.0}) histogram.Observe(value);
  registry_->AddGaugeFunction("now", "Now.", [] { return 7.0; });
  registry_->AddCounterFunction("seen_total", "Seen.", [] { return 8.0; });
  EXPECT_EQ(registry_->Scrape(),
            "# HELP longbow_depth Depth.\n"
            "# TYPE longbow_depth gauge\n"
            "longbow_depth{side=\"left\"} -1.5\n"
            "longbow_depth{side=\"right\"} 3\n"
            "# HELP longbow_now Now.\n"
            "# TYPE longbow_now gauge\n"
            "longbow_now 7\n"
            "# HELP longbow_reads_total Reads.\n"
            "# TYPE longbow_reads_total counter\n"
            "longbow_reads_total 2\n"
            "# HELP longbow_seen_total Seen.\n"
            "# TYPE longbow_seen_total counter\n"
            "longbow_seen_total 8\n"
            "# HELP longbow_took_seconds Time.\n"
            "# TYPE longbow_took_seconds histogram\n"
            "longbow_took_seconds_count 3\n"
            "longbow_took_seconds_sum 10.5\n"
            "longbow_took_seconds_bucket{le=\"0.5\"} 1\n"
            "longbow_took_seconds_bucket{le=\"2\"} 2\n"
            "longbow_took_seconds_bucket{le=\"+Inf\"} 3\n");
  EXPECT_EQ(lines(), 0u);
}

TEST_F(MetricsRegistryTest, TheSameNameAndLabelsGiveTheSameMetric) {
  Counter& counter = registry_->AddCounter("reads_total", "Reads.", {{"a", "b"}});
  EXPECT_EQ(&counter, &registry_->AddCounter("reads_total", "Reads.", {{"a", "b"}}));
  EXPECT_NE(&counter, &registry_->AddCounter("reads_total", "Reads.", {{"a", "c"}}));
  // Prometheus does not tell an empty label from none.
  EXPECT_EQ(&registry_->AddCounter("reads_total", "Reads."),
            &registry_->AddCounter("reads_total", "Reads.", {{"a", ""}}));
  EXPECT_EQ(Scrape().samples().size(), 3u);
}

TEST_F(MetricsRegistryTest, EscapesAndCleansTexts) {
  const std::string hostile = "a\"b\\c\nd\x01\xff\"} 1\nlongbow_forged 1\n# TYPE x gauge";
  registry_->AddGauge("depth", "first \\ line\nlongbow_forged 2", {{"x", hostile}}).Set(1);
  const Exposition text = Scrape();
  ASSERT_EQ(text.samples().size(), 1u);
  EXPECT_EQ(text.samples()[0].labels.at("x"),
            "a\"b\\c\nd \xEF\xBF\xBD\"} 1\nlongbow_forged 1\n# TYPE x gauge");
  ASSERT_EQ(text.families().size(), 1u);
  EXPECT_EQ(text.families()[0].help, "first \\ line longbow_forged 2");
}

TEST_F(MetricsRegistryTest, CutsLabelValuesAtACharactersBorder) {
  std::string value;
  for (int i = 0; i < 100; ++i) value += "\xE2\x82\xAC";  // three bytes each
  registry_->AddGauge("depth", "Depth.", {{"x", value}}).Set(1);
  registry_->AddGauge("broken", "Broken.", {{"x", std::string(500, '\x80')}}).Set(1);
  const Exposition text = Scrape();
  ASSERT_EQ(text.samples().size(), 2u);
  for (const Exposition::Sample& sample : text.samples()) {
    EXPECT_EQ(sample.labels.at("x").size(), 126u);
    EXPECT_TRUE(IsValidUtf8(sample.labels.at("x")));
  }
  registry_->AddGauge("help", std::string(2000, 'h')).Set(1);
  EXPECT_EQ(Scrape().family("longbow_help")->help.size(), kMaxHelpBytes);
}

TEST_F(MetricsRegistryTest, RefusesBadNames) {
  for (const std::string name : {"reads", "total", "reads_total_", "r s_total"}) {
    registry_->AddCounter(name, "Bad.").Increment();
  }
  EXPECT_TRUE(logger_.Contains("a counter's name must end in _total"));
  const std::vector<std::string> bad = {"",
                                        "0reads",
                                        "a b",
                                        "a-b",
                                        "a:b",
                                        "a{b=\"c\"",
                                        "a\nb",
                                        "\xC3\xA9",
                                        "a_total",
                                        "longbow }",
                                        "\xff",
                                        std::string("a\0b", 3),
                                        std::string(129, 'a')};
  for (const std::string& name : bad) {
    registry_->AddGauge(name, "Bad.").Set(1);
    registry_->AddHistogram(name, "Bad.", {1}).Observe(1);
  }
  EXPECT_EQ(registry_->Scrape(), "");
  EXPECT_EQ(lines(), static_cast<size_t>(kMaxRefusalsLogged));
  EXPECT_EQ(logger_.lines().back().fields.back().first, "note");
}

TEST_F(MetricsRegistryTest, RefusesBadLabels) {
  for (const std::string name :
       {"", "le", "quantile", "__name__", "a-b", "a:b", "1", "a\"", "\n"}) {
    registry_->AddGauge("depth", "Depth.", {{name, "x"}}).Set(1);
  }
  registry_->AddGauge("depth", "Depth.", {{std::string(65, 'a'), "x"}}).Set(1);
  MetricLabels many;
  for (size_t i = 0; i <= kMaxLabels; ++i) many["l" + std::to_string(i)] = "x";
  registry_->AddGauge("depth", "Depth.", many).Set(1);
  EXPECT_EQ(registry_->Scrape(), "");
  EXPECT_EQ(lines(), 11u);
}

TEST_F(MetricsRegistryTest, RefusesBadBuckets) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::vector<double>> bad = {
      {}, {1, 1}, {2, 1}, {NAN}, {1, NAN, 2}, {1, kInfinity}, std::vector<double>(41, 1.0)};
  for (const std::vector<double>& buckets : bad) {
    registry_->AddHistogram("took", "Took.", buckets).Observe(1);
  }
  EXPECT_EQ(registry_->Scrape(), "");
  EXPECT_EQ(lines(), bad.size());
}

TEST_F(MetricsRegistryTest, RefusesConflicts) {
  registry_->AddGauge("depth", "Depth.").Set(1);
  registry_->AddHistogram("took", "Took.", {1, 2}).Observe(1);
  registry_->AddGaugeFunction("asked", "Asked.", [] { return 1.0; });
  registry_->AddGauge("rows_sum", "Rows.").Set(1);
  const std::string before = registry_->Scrape();
  registry_->AddHistogram("depth", "Depth.", {1}).Observe(5);
  registry_->AddGauge("depth", "Another help.", {{"a", "b"}}).Set(5);
  registry_->AddHistogram("took", "Took.", {1, 3}, {{"a", "b"}}).Observe(5);
  registry_->AddGauge("took_count", "A sample of the histogram.").Set(5);
  registry_->AddHistogram("rows", "Its sum has a name that is taken.", {1}).Observe(5);
  registry_->AddGaugeFunction("depth", "Depth.", [] { return 5.0; });
  registry_->AddGaugeFunction("asked", "Asked.", [] { return 5.0; });
  registry_->AddGauge("asked", "Asked.").Set(5);
  EXPECT_EQ(registry_->Scrape(), before);
  EXPECT_EQ(lines(), 8u);
}

TEST_F(MetricsRegistryTest, IgnoresValuesThatWouldSpoilAMetric) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Counter& counter = registry_->AddCounter("reads_total", "Reads.");
  Histogram& histogram = registry_->AddHistogram("took", "Took.", {1});
  for (double value : {std::nan(""), kInfinity, -kInfinity}) {
    counter.Increment(value);
    histogram.Observe(value);
  }
  counter.Increment(-3);
  counter.Increment(1);
  registry_->AddGauge("depth", "Depth.").Set(NAN);
  const Exposition text = Scrape();
  EXPECT_EQ(text.value("longbow_reads_total"), 1);
  EXPECT_EQ(text.value("longbow_took_count"), 0);
  EXPECT_EQ(text.value("longbow_took_sum"), 0);
  EXPECT_EQ(text.family("longbow_depth"), nullptr);
}

TEST_F(MetricsRegistryTest, FunctionsThatThrowGiveNoSample) {
  bool healthy = false;
  registry_->AddGaugeFunction("a", "A.", [&]() -> double {
    if (!healthy) throw std::runtime_error("no value today");
    return 1;
  });
  registry_->AddGaugeFunction("b", "B.", []() -> double { throw 5; });
  registry_->AddGaugeFunction("c", "C.", [] { return NAN; });
  registry_->AddGaugeFunction("d", "D.", nullptr);
  registry_->AddGaugeFunction("e", "E.", [] { return 1.0; });
  EXPECT_EQ(Scrape().samples().size(), 1u);
  EXPECT_EQ(Scrape().families().size(), 1u);
  EXPECT_EQ(lines(), 2u);  // not at each scrape
  EXPECT_TRUE(logger_.Contains("no value today"));
  healthy = true;
  EXPECT_EQ(Scrape().value("longbow_a"), 1);
}

TEST_F(MetricsRegistryTest, AFunctionMayMakeMetrics) {
  registry_->AddGaugeFunction("a", "A.", [this] {
    registry_->AddCounter("asked_total", "Asked.").Increment();
    return 1.0;
  });
  registry_->Scrape();
  EXPECT_EQ(Scrape().value("longbow_asked_total"), 2);  // asked by now
}

TEST_F(MetricsRegistryTest, AModulesFunctionsGoWithIt) {
  auto held = std::make_shared<int>(1);
  auto metrics = registry_->ForModule("sql");
  metrics->AddGaugeFunction("a", "A.", [held] { return 1.0; });
  metrics->AddGaugeFunction("d", "D.", [] { return 1.0; }, {{"x", "function"}});
  metrics->AddGauge("d", "D.", {{"x", "value"}}).Set(2);
  Counter& counter = metrics->AddCounter("c_total", "C.");
  counter.Increment();
  EXPECT_EQ(Scrape().samples().size(), 4u);
  metrics.reset();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(Scrape().samples().size(), 2u);
  // A second one goes on with what is left, and can have a function of that name again.
  metrics = registry_->ForModule("sql");
  EXPECT_EQ(&metrics->AddCounter("c_total", "C."), &counter);
  metrics->AddGaugeFunction("a", "Another help.", [] { return 2.0; });
  EXPECT_EQ(Scrape().value("longbow_sql_a"), 2);
  EXPECT_EQ(lines(), 0u);
}

TEST_F(MetricsRegistryTest, AModuleHasSoManySeries) {
  auto metrics = registry_->ForModule("sql");
  metrics->AddGaugeFunction("f", "F.", [] { return 1.0; });
  for (size_t i = 0; i < 3 * kMaxModuleSeries; ++i) {
    metrics->AddGauge("g", "G.", {{"user", std::to_string(i)}}).Set(1);
    registry_->ForModule("sql")->AddGauge("h", "H.", {{"user", std::to_string(i)}}).Set(1);
  }
  EXPECT_EQ(Scrape().samples().size(), kMaxModuleSeries);
  EXPECT_EQ(lines(), static_cast<size_t>(kMaxRefusalsLogged));
  registry_->ForModule("other")->AddGauge("g", "G.").Set(1);
  EXPECT_EQ(Scrape().samples().size(), kMaxModuleSeries + 1);
  // What a function leaves can be used again.
  metrics = nullptr;
  registry_->ForModule("sql")->AddGauge("i", "I.").Set(1);
  EXPECT_EQ(Scrape().value("longbow_sql_i"), 1);
}

TEST_F(MetricsRegistryTest, AModuleCannotTakeANameOfOthers) {
  registry_->AddCounter("rpc_calls_total", "Calls.", {{"method", "DoGet"}}).Increment();
  registry_->ForModule("a")->AddGauge("b_c", "Help.").Set(1);
  registry_->ForModule("x-y")->AddGauge("z", "Help.").Set(1);
  const std::string before = registry_->Scrape();
  registry_->ForModule("rpc")
      ->AddCounter("calls_total", "Calls.", {{"method", "DoPut"}})
      .Increment();
  registry_->ForModule("rpc")
      ->AddCounter("calls_total", "Calls.", {{"method", "DoGet"}})
      .Increment();
  registry_->ForModule("a_b")->AddGauge("c", "Help.").Set(5);
  registry_->ForModule("x_y")->AddGauge("z", "Help.").Set(5);
  EXPECT_EQ(registry_->Scrape(), before);
  EXPECT_TRUE(logger_.Contains("taken by the server"));
  EXPECT_TRUE(logger_.Contains("taken by the module x-y"));
  EXPECT_EQ(lines(), 4u);
}

TEST_F(MetricsRegistryTest, NamesOfModulesMayBeAnything) {
  for (const std::string& module : {std::string(), std::string("\n\"{} 1"),
                                    std::string("\xff\0x", 3), std::string(5000, 'm')}) {
    registry_->ForModule(module)->AddGauge("a", "A.").Set(1);
  }
  const Exposition text = Scrape();
  EXPECT_EQ(text.samples().size(), 4u);
  for (const Exposition::Sample& sample : text.samples()) {
    EXPECT_THAT(sample.name, ::testing::MatchesRegex("longbow_[a-z0-9_]*_a"));
    EXPECT_LT(sample.name.size(), 100u);
  }
}

TEST_F(MetricsRegistryTest, APartMayUseFixedNames) {
  auto part = registry_->ForPart("");
  part->AddGaugeFunction("process_open_fds", "Files.", [] { return 3.0; });
  EXPECT_EQ(Scrape().value("process_open_fds"), 3);
  part.reset();
  EXPECT_EQ(registry_->Scrape(), "");
}

TEST(MetricsRegistry, NeedsNoLogger) {
  auto registry = MetricsRegistry::Make(nullptr);
  registry->AddCounter("bad", "Bad.").Increment();
  registry->AddGaugeFunction("a", "A.", []() -> double { throw 5; });
  EXPECT_EQ(registry->Scrape(), "");
}

TEST_F(MetricsRegistryTest, ModulesComeAndGoDuringScrapes) {
  std::atomic<bool> stop{false};
  std::thread scraper([&] {
    while (!stop) Exposition(registry_->Scrape());
  });
  for (int i = 0; i < 200; ++i) {
    auto alive = std::make_unique<std::atomic<int>>(1);
    auto metrics = registry_->ForModule("m" + std::to_string(i % 3));
    metrics->AddGaugeFunction("f", "F.", [&a = *alive] { return static_cast<double>(a.load()); });
    metrics->AddCounter("c_total", "C.").Increment();
    metrics->AddHistogram("h", "H.", {1, 2}).Observe(i);
    metrics.reset();
    alive.reset();  // a function that still ran would read freed memory
  }
  stop = true;
  scraper.join();
  EXPECT_EQ(Scrape().value("longbow_m0_c_total"), 67);
}

}  // namespace
}  // namespace longbow::telemetry
