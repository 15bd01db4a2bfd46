#include "telemetry/trace.h"

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

#include "base/random.h"
#include "telemetry/trace_fakes.h"
#include "telemetry/trace_ids.h"
#include "telemetry/trace_sampler.h"

namespace longbow::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TraceContext Caller(bool sampled) {
  TraceContext context;
  context.trace_id.fill(0xab);
  context.span_id.fill(0xcd);
  context.sampled = sampled;
  context.state = "congo=1";
  return context;
}

class TracerTest : public ::testing::Test {
 protected:
  TracerTest() {
    options_.batch.schedule_delay_ms =
        1000 * 1000;  // batches go out when they are full, or at the end
  }
  std::unique_ptr<Tracer> Make() {
    return Tracer::MakeWith(options_, parts(), std::make_unique<FakeExporter>(state_));
  }
  TracerParts parts() { return {&clock_, &random_, &logger_}; }
  // Ends the tracer and gives all that it exported.
  std::vector<SpanData> Finish(Tracer* tracer) {
    tracer->Shutdown(kTestLimit);
    return state_->spans;
  }
  int Warnings() {
    int count = 0;
    for (const auto& line : logger_.lines()) count += line.level == LogLevel::kWarning ? 1 : 0;
    return count;
  }

  testing::FakeClock clock_;
  FakeRandom random_;
  testing::RecordingLogger logger_;
  TracerOptions options_;
  std::shared_ptr<FakeExporterState> state_ = std::make_shared<FakeExporterState>();
};

TEST_F(TracerTest, ASpanHasWhatItWasGiven) {
  auto tracer = Make();
  const TraceContext caller = Caller(true);
  const WallTime start = clock_.WallNow();
  {
    Span span = tracer->Start({.name = "DoGet", .kind = SpanKind::kServer, .parent = &caller});
    EXPECT_TRUE(span.recording());
    EXPECT_EQ(span.context().trace_id, caller.trace_id);
    EXPECT_NE(span.context().span_id, caller.span_id);
    EXPECT_TRUE(span.context().sampled);
    EXPECT_EQ(span.context().state, "congo=1");
    span.SetAttribute("rows", int64_t{1});
    span.SetAttribute("text", "value");
    span.SetAttribute("fine", true);
    span.SetAttribute("share", 0.5);
    span.SetAttribute("rows", int64_t{2});
    clock_.Advance(milliseconds(5));
    span.AddEvent("half");
    span.SetError("broken");
    clock_.Advance(milliseconds(5));
  }
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 1U);
  const SpanData& span = spans[0];
  EXPECT_EQ(span.name, "DoGet");
  EXPECT_EQ(span.kind, SpanKind::kServer);
  EXPECT_EQ(span.parent_span_id, caller.span_id);
  EXPECT_EQ(span.start, start);
  EXPECT_EQ(span.end, start + milliseconds(10));
  EXPECT_THAT(span.attributes,
              ElementsAre(Pair("rows", AttributeValue(int64_t{2})),
                          Pair("text", AttributeValue(std::string("value"))),
                          Pair("fine", AttributeValue(true)), Pair("share", AttributeValue(0.5))));
  ASSERT_EQ(span.events.size(), 1U);
  EXPECT_EQ(span.events[0].name, "half");
  EXPECT_EQ(span.events[0].time, start + milliseconds(5));
  EXPECT_TRUE(span.failed);
  EXPECT_EQ(span.error, "broken");
}

TEST_F(TracerTest, ARootHasATraceOfItsOwnAndItsChildrenShareIt) {
  auto tracer = Make();
  const TraceContext nobody;
  Span root = tracer->Start({.name = "root", .parent = &nobody});
  Span other = tracer->Start({.name = "other"});
  Span child = tracer->Start({.name = "child", .parent = &root.context()});
  EXPECT_TRUE(root.context().valid());
  EXPECT_NE(root.context().trace_id, other.context().trace_id);
  EXPECT_EQ(root.context().trace_id, child.context().trace_id);
  child.End();
  root.End();
  other.End();
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[0].parent_span_id, spans[1].context.span_id);
  EXPECT_EQ(spans[1].parent_span_id, (std::array<uint8_t, 8>{}));
}

TEST_F(TracerTest, ItEndsOnce) {
  auto tracer = Make();
  Span span = tracer->Start({.name = "a"});
  Span moved = std::move(span);
  const WallTime start = clock_.WallNow();
  moved.EndAt(start + milliseconds(3));
  EXPECT_FALSE(moved.recording());
  EXPECT_TRUE(moved.context().valid());
  clock_.Advance(milliseconds(9));
  moved.End();
  moved.SetAttribute("late", true);
  moved = tracer->Start({.name = "b", .start = start - milliseconds(50)});
  moved = tracer->Start({.name = "c"});  // ends b
  moved = Span();                        // ends c
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[0].end, start + milliseconds(3));
  EXPECT_TRUE(spans[0].attributes.empty());
  EXPECT_EQ(spans[1].start, start - milliseconds(50));
  EXPECT_EQ(spans[1].end, start + milliseconds(9));
}

TEST_F(TracerTest, AClockThatIsSetBackMakesNoNegativeSpan) {
  auto tracer = Make();
  const WallTime start = clock_.WallNow();
  Span span = tracer->Start({.name = "a"});
  clock_.AdvanceWall(-minutes(10));
  clock_.Advance(milliseconds(7));
  span.End();
  Span early = tracer->Start({.name = "b"});
  early.EndAt(clock_.WallNow() - minutes(1));
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].end, start + milliseconds(7));
  EXPECT_EQ(spans[1].end, spans[1].start);
}

TEST_F(TracerTest, LimitsOfASpan) {
  options_.limits = {.attributes = 2, .attribute_value_characters = 3, .events = 1};
  auto tracer = Make();
  Span span = tracer->Start({.name = std::string(1000, 'n')});
  span.SetAttribute("a", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
  span.SetAttribute("b", "1234");
  span.SetAttribute("c", "lost");
  span.SetAttribute("a", "xyz1");
  span.SetError("12345");
  span.AddEvent("one");
  span.AddEvent("two");
  span.End();
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].name.size(), kMaxSpanNameCharacters);
  EXPECT_THAT(spans[0].attributes, ElementsAre(Pair("a", AttributeValue(std::string("xyz"))),
                                               Pair("b", AttributeValue(std::string("123")))));
  EXPECT_EQ(spans[0].dropped_attributes, 1U);
  EXPECT_EQ(spans[0].error, "123");
  EXPECT_EQ(spans[0].events.size(), 1U);
  EXPECT_EQ(spans[0].dropped_events, 1U);
}

TEST_F(TracerTest, AllTextsOfASpanHaveALimit) {
  auto tracer = Make();
  Span span = tracer->Start({.name = "a"});
  for (int i = 0; i < 100; ++i) {
    span.SetAttribute(std::to_string(i), std::string(1'000'000, 'x'));
    span.AddEvent(std::string(200, 'e'));
  }
  // A value that is replaced by a shorter one makes room.
  span.SetAttribute("0", "short");
  span.SetAttribute("new", std::string(2000, 'y'));
  span.End();
  const auto spans = Finish(tracer.get());
  ASSERT_EQ(spans.size(), 1U);
  size_t bytes = 0;
  for (const auto& [name, value] : spans[0].attributes)
    bytes += std::get<std::string>(value).size();
  EXPECT_GT(bytes, 32 * 1024U);
  EXPECT_LT(bytes, 64 * 1024U);
  EXPECT_EQ(std::get<std::string>(spans[0].attributes[0].second), "short");
  EXPECT_EQ(spans[0].attributes.back().first, "new");
  EXPECT_GT(spans[0].dropped_attributes, 50U);
  EXPECT_GT(spans[0].dropped_events, 0U);
}

TEST_F(TracerTest, WhatIsNotSampledIsSentOnOnly) {
  auto tracer = Make();
  const TraceContext caller = Caller(false);
  Span span = tracer->Start({.name = "a", .parent = &caller});
  EXPECT_FALSE(span.recording());
  EXPECT_EQ(span.context().trace_id, caller.trace_id);
  EXPECT_NE(span.context().span_id, caller.span_id);
  EXPECT_FALSE(span.context().sampled);
  EXPECT_EQ(span.context().state, "congo=1");
  span.SetAttribute("a", true);
  span.AddEvent("b");
  span.SetError("c");
  span.End();
  EXPECT_TRUE(Finish(tracer.get()).empty());
  EXPECT_EQ(tracer->statistics().dropped, 0);
}

TEST_F(TracerTest, WithoutAnExporterContextsArePassedOnAndNoneIsMadeUp) {
  auto tracer = *Tracer::Make(options_, parts());
  const TraceContext caller = Caller(true);
  Span span = tracer->Start({.name = "a", .parent = &caller});
  EXPECT_FALSE(span.recording());
  EXPECT_EQ(FormatTraceparent(span.context()), FormatTraceparent(caller));
  EXPECT_EQ(span.context().state, "congo=1");
  EXPECT_FALSE(tracer->Start({.name = "a"}).context().valid());
  EXPECT_FALSE(Span().recording());
  EXPECT_FALSE(Span().context().valid());
  tracer->Shutdown(kTestLimit);
  EXPECT_EQ(tracer->statistics().exported, 0);
}

TEST_F(TracerTest, AFullBatchGoesOutAtOnce) {
  options_.batch.max_batch_spans = 3;
  auto tracer = Make();
  for (int i = 0; i < 7; ++i) tracer->Start({.name = "a"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->spans.size() == 6; }));
  Finish(tracer.get());
  EXPECT_THAT(state_->batches, ElementsAre(3, 3, 1));
  EXPECT_EQ(tracer->statistics().exported, 7);
  EXPECT_EQ(tracer->statistics().queued, 0);
}

TEST_F(TracerTest, ALoneSpanGoesOutAfterTheDelay) {
  options_.batch.schedule_delay_ms = 1;
  auto tracer = Make();
  for (size_t i = 1; i <= 3; ++i) {
    tracer->Start({.name = "a"});
    ASSERT_TRUE(state_->WaitFor([&] { return state_->spans.size() == i; }));
  }
}

TEST_F(TracerTest, AFullQueueDropsAndCounts) {
  options_.batch.max_queue_spans = 10;
  options_.batch.max_batch_spans = 2;
  state_->blocks = true;
  auto tracer = Make();
  tracer->Start({.name = "first"});
  tracer->Start({.name = "second"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->running == 1; }));
  for (int i = 0; i < 100; ++i) tracer->Start({.name = "a"});
  EXPECT_EQ(tracer->statistics().dropped, 90);
  EXPECT_EQ(tracer->statistics().queued, 10);
  state_->Set([&] { state_->blocks = false; });
  EXPECT_EQ(Finish(tracer.get()).size(), 12U);
  EXPECT_EQ(tracer->statistics().exported, 12);
}

TEST_F(TracerTest, AnExportHasTheTimeoutOrTheRestOfTheEnd) {
  options_.batch.max_batch_spans = 1;
  options_.batch.export_timeout_ms = 20'000;
  options_.batch.max_queue_spans = 1'000'000;
  auto tracer = Make();
  tracer->Start({.name = "a"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->spans.size() == 1; }));
  state_->Set([&] { state_->blocks = true; });
  tracer->Start({.name = "b"});
  tracer->Start({.name = "c"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->running == 1; }));
  std::thread ends([&] { tracer->Shutdown(milliseconds(5000)); });
  // `c` is sent after the end began.
  while (tracer->statistics().dropped == 0) {
    tracer->Start({.name = "late"});
    std::this_thread::yield();
  }
  state_->Set([&] { state_->blocks = false; });
  ends.join();
  EXPECT_EQ(state_->deadlines[0], clock_.Now() + milliseconds(20'000));
  EXPECT_EQ(state_->deadlines.back(), clock_.Now() + milliseconds(5000));
}

TEST_F(TracerTest, TheEndDropsWhatCannotBeSentInTime) {
  options_.batch.max_batch_spans = 1;
  state_->blocks = true;
  auto tracer = Make();
  for (int i = 0; i < 5; ++i) tracer->Start({.name = "a"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->running == 1; }));
  Span open = tracer->Start({.name = "open"});
  tracer->Shutdown(milliseconds(1));
  tracer->Shutdown(milliseconds(1));
  const TracerStatistics statistics = tracer->statistics();
  EXPECT_EQ(statistics.exported, 0);
  EXPECT_EQ(statistics.lost, 1);
  EXPECT_EQ(statistics.dropped, 4);
  open.End();
  EXPECT_EQ(tracer->statistics().dropped, 5);
}

TEST_F(TracerTest, ASpanMayOutliveItsTracer) {
  auto tracer = Make();
  Span span = tracer->Start({.name = "a"});
  tracer = nullptr;
  span.SetAttribute("a", true);
  span.End();
}

TEST_F(TracerTest, AFailingCollectorIsLoggedOnceAMinute) {
  options_.batch.max_batch_spans = 1;
  state_->answer = arrow::Status::IOError("no route");
  auto tracer = Make();
  const auto send = [&] {
    size_t expected = 0;
    state_->Set([&] { expected = state_->batches.size() + 1; });
    tracer->Start({.name = "a"});
    ASSERT_TRUE(state_->WaitFor([&] { return state_->batches.size() >= expected; }));
  };
  for (int i = 0; i < 20; ++i) send();
  EXPECT_EQ(Warnings(), 1);
  EXPECT_TRUE(logger_.Contains("no route"));
  EXPECT_TRUE(logger_.Contains("collector:4317"));
  clock_.Advance(minutes(2));
  for (int i = 0; i < 20; ++i) send();
  EXPECT_EQ(Warnings(), 2);
  EXPECT_FALSE(logger_.Contains("again"));
  state_->Set([&] { state_->answer = arrow::Status::OK(); });
  for (int i = 0; i < 20; ++i) send();
  tracer->Shutdown(kTestLimit);
  EXPECT_EQ(Warnings(), 2);
  EXPECT_TRUE(logger_.Contains("Spans reach the collector again"));
  EXPECT_EQ(tracer->statistics().lost, 40);
  EXPECT_EQ(tracer->statistics().failed_exports, 40);
  EXPECT_EQ(tracer->statistics().exported, 20);
}

TEST_F(TracerTest, DroppedSpansAreLogged) {
  options_.batch.max_queue_spans = 1;
  state_->blocks = true;
  auto tracer = Make();
  tracer->Start({.name = "a"});
  ASSERT_TRUE(state_->WaitFor([&] { return state_->running == 1; }));
  for (int i = 0; i < 5; ++i) tracer->Start({.name = "a"});
  state_->Set([&] { state_->blocks = false; });
  tracer->Shutdown(kTestLimit);
  EXPECT_EQ(Warnings(), 1);
  EXPECT_TRUE(logger_.Contains("Spans were dropped"));
}

TEST_F(TracerTest, ManyThreads) {
  options_.batch = {.schedule_delay_ms = 1, .max_queue_spans = 100'000, .max_batch_spans = 64};
  auto tracer = Make();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) {
        Span span = tracer->Start({.name = "a"});
        span.SetAttribute("j", int64_t{j});
        tracer->Start({.name = "b", .parent = &span.context()});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto spans = Finish(tracer.get());
  EXPECT_EQ(spans.size(), 4000U);
  std::set<std::array<uint8_t, 8>> ids;
  for (const SpanData& span : spans) ids.insert(span.context.span_id);
  EXPECT_EQ(ids.size(), 4000U);
}

TEST(SamplerTest, ParentsDecideWhereTheyAreAsked) {
  const TraceContext yes = Caller(true);
  const TraceContext no = Caller(false);
  const TraceContext nobody;
  const struct {
    TraceSampler kind;
    bool of_root;
    bool of_sampled;
    bool of_not_sampled;
  } cases[] = {
      {TraceSampler::kAlwaysOn, true, true, true},
      {TraceSampler::kAlwaysOff, false, false, false},
      {TraceSampler::kParentBasedAlwaysOn, true, true, false},
      {TraceSampler::kParentBasedAlwaysOff, false, true, false},
  };
  for (const auto& c : cases) {
    const Sampler sampler(c.kind, 0.5);
    EXPECT_EQ(sampler.Samples(nullptr, yes.trace_id), c.of_root);
    EXPECT_EQ(sampler.Samples(&nobody, yes.trace_id), c.of_root);
    EXPECT_EQ(sampler.Samples(&yes, yes.trace_id), c.of_sampled);
    EXPECT_EQ(sampler.Samples(&no, yes.trace_id), c.of_not_sampled);
  }
}

TEST(SamplerTest, ARatioLooksAtTheEndOfTheTracesId) {
  std::array<uint8_t, 16> low{};
  low.fill(0xff);
  std::array<uint8_t, 16> high = low;
  for (size_t i = 8; i < 16; ++i) low[i] = 0;
  low[8] = 0x3f;   // just below a quarter of all numbers
  high[8] = 0x40;  // just above it
  for (size_t i = 9; i < 16; ++i) high[i] = 0;
  const Sampler quarter(TraceSampler::kTraceIdRatio, 0.25);
  EXPECT_TRUE(quarter.Samples(nullptr, low));
  EXPECT_FALSE(quarter.Samples(nullptr, high));
  const TraceContext no = Caller(false);
  EXPECT_TRUE(quarter.Samples(&no, low));
  const Sampler asks(TraceSampler::kParentBasedTraceIdRatio, 0.25);
  EXPECT_FALSE(asks.Samples(&no, low));
  EXPECT_TRUE(asks.Samples(nullptr, low));
}

TEST(SamplerTest, RatiosHold) {
  FakeRandom random;
  TraceIds ids(&random);
  const Sampler none(TraceSampler::kTraceIdRatio, 0);
  const Sampler all(TraceSampler::kTraceIdRatio, 1);
  const Sampler tenth(TraceSampler::kTraceIdRatio, 0.1);
  int tenths = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto id = ids.NextTraceId();
    EXPECT_FALSE(none.Samples(nullptr, id));
    EXPECT_TRUE(all.Samples(nullptr, id));
    tenths += tenth.Samples(nullptr, id) ? 1 : 0;
  }
  EXPECT_NEAR(tenths, 2000, 200);
}

TEST(TraceIdsTest, AreDifferentAndDependOnTheSeed) {
  FakeRandom random(1);
  FakeRandom same(1);
  FakeRandom other(2);
  TraceIds ids(&random);
  TraceIds same_ids(&same);
  TraceIds other_ids(&other);
  std::set<std::array<uint8_t, 16>> traces;
  for (int i = 0; i < 10'000; ++i) {
    const auto id = ids.NextTraceId();
    EXPECT_EQ(id, same_ids.NextTraceId());
    traces.insert(id);
    traces.insert(other_ids.NextTraceId());
  }
  EXPECT_EQ(traces.size(), 20'000U);
}

}  // namespace
}  // namespace longbow::telemetry
