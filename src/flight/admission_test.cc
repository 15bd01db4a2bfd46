#include "flight/admission.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

#include "flight/manual_timer.h"

namespace longbow::flight {
namespace {

class AdmissionTest : public ::testing::Test {
 protected:
  void Make(int running, int waiting, int max_wait_ms) {
    AdmissionLimits limits;
    limits.running.fill(running);
    limits.waiting = waiting;
    limits.max_wait = std::chrono::milliseconds(max_wait_ms);
    admission_.emplace(limits, &clock_, &timer_);
  }

  /// What came of an `Enter`.
  struct Outcome {
    bool called = false;
    arrow::Result<Admission::Place> place = arrow::Status::UnknownError("not called");
  };
  std::shared_ptr<Outcome> Enter(CallKind kind = CallKind::kGet) {
    auto outcome = std::make_shared<Outcome>();
    admission_->Enter(kind, [outcome](arrow::Result<Admission::Place> place) {
      outcome->called = true;
      outcome->place = std::move(place);
    });
    return outcome;
  }

  testing::FakeClock clock_;
  ManualTimer timer_;
  std::optional<Admission> admission_;
};

TEST_F(AdmissionTest, LetsInAsManyAsItMay) {
  Make(2, 0, 30);
  auto a = Enter();
  auto b = Enter();
  auto c = Enter();
  EXPECT_TRUE(a->place.ok());
  EXPECT_TRUE(b->place.ok());
  ASSERT_TRUE(c->called);
  EXPECT_EQ(ErrorCodeOf(c->place.status()), ErrorCode::kBackpressure);
  EXPECT_EQ(admission_->running(CallKind::kGet), 2);
  // Kinds do not share their room.
  EXPECT_TRUE(Enter(CallKind::kPut)->place.ok());
}

TEST_F(AdmissionTest, TheNextWaitsForRoom) {
  Make(1, 10, 30);
  auto a = Enter();
  auto b = Enter();
  auto c = Enter();
  EXPECT_FALSE(b->called);
  EXPECT_EQ(admission_->waiting(CallKind::kGet), 2);
  a.reset();
  EXPECT_TRUE(b->called && b->place.ok());
  EXPECT_FALSE(c->called);
  b.reset();
  EXPECT_TRUE(c->called && c->place.ok());
  EXPECT_EQ(timer_.size(), 0u);
}

TEST_F(AdmissionTest, AWaitHasAnEnd) {
  Make(1, 10, 30);
  auto a = Enter();
  auto b = Enter();
  clock_.Advance(std::chrono::milliseconds(29));
  timer_.RunDue(clock_.Now());
  EXPECT_FALSE(b->called);
  clock_.Advance(std::chrono::milliseconds(1));
  timer_.RunDue(clock_.Now());
  ASSERT_TRUE(b->called);
  EXPECT_EQ(ErrorCodeOf(b->place.status()), ErrorCode::kBackpressure);
  EXPECT_EQ(admission_->waiting(CallKind::kGet), 0);
  // It took no room.
  a.reset();
  EXPECT_EQ(admission_->running(CallKind::kGet), 0);
}

TEST_F(AdmissionTest, OnlySoManyWait) {
  Make(1, 1, 30);
  auto a = Enter();
  auto b = Enter();
  auto c = Enter();
  EXPECT_FALSE(b->called);
  ASSERT_TRUE(c->called);
  EXPECT_FALSE(c->place.ok());
}

TEST_F(AdmissionTest, CallsThatEndAtOnceDoNotNest) {
  Make(1, 100'000, 30);
  auto a = Enter();
  int entered = 0;
  for (int i = 0; i < 50'000; ++i) {
    // The place goes within the callback: each lets the next one in.
    admission_->Enter(CallKind::kGet, [&](arrow::Result<Admission::Place> place) {
      entered += place.ok() ? 1 : 0;
    });
  }
  a.reset();
  EXPECT_EQ(entered, 50'000);
  EXPECT_EQ(admission_->running(CallKind::kGet), 0);
}

TEST_F(AdmissionTest, TellsOfWaits) {
  Make(1, 10, 30);
  auto a = Enter();
  std::vector<std::string> told;
  admission_->Enter(CallKind::kGet,
                    [&](const arrow::Result<Admission::Place>&) { told.push_back("entered"); },
                    {.on_begin = [&](const std::function<void()>&) { told.push_back("begin"); },
                     .on_end = [&] { told.push_back("end"); }});
  a.reset();
  EXPECT_EQ(told, (std::vector<std::string>{"begin", "end", "entered"}));
}

TEST_F(AdmissionTest, AWaitCanBeGivenUp) {
  Make(1, 1, 30);
  auto a = Enter();
  auto b = std::make_shared<Outcome>();
  std::function<void()> give_up;
  int ends = 0;
  admission_->Enter(CallKind::kGet,
                    [b](arrow::Result<Admission::Place> place) {
                      EXPECT_FALSE(std::exchange(b->called, true));
                      b->place = std::move(place);
                    },
                    {.on_begin = [&](std::function<void()> how) { give_up = std::move(how); },
                     .on_end = [&] { ++ends; }});
  EXPECT_FALSE(b->called);
  give_up();
  ASSERT_TRUE(b->called);
  EXPECT_EQ(ErrorCodeOf(b->place.status()), ErrorCode::kCommandCancelled);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(admission_->waiting(CallKind::kGet), 0);
  EXPECT_EQ(timer_.size(), 0u);
  give_up();
  // There is room to wait again.
  auto c = Enter();
  EXPECT_FALSE(c->called);
  a.reset();
  EXPECT_TRUE(c->place.ok());
  EXPECT_EQ(ends, 1);
}

TEST_F(AdmissionTest, WhoHasItsTurnCannotGiveTheWaitUp) {
  Make(1, 1, 30);
  auto a = Enter();
  auto b = std::make_shared<Outcome>();
  std::function<void()> give_up;
  admission_->Enter(CallKind::kGet,
                    [b](arrow::Result<Admission::Place> place) { b->place = std::move(place); },
                    {.on_begin = [&](std::function<void()> how) { give_up = std::move(how); }});
  a.reset();
  EXPECT_TRUE(b->place.ok());
  give_up();
  EXPECT_TRUE(b->place.ok());
  EXPECT_EQ(admission_->running(CallKind::kGet), 1);
}

}  // namespace
}  // namespace longbow::flight
