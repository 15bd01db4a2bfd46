#include "secret/secret_resolver.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Set = std::set<std::string>;

/// Gives what a test puts in, by the reference's text.
class FakeSecrets : public SecretSource {
 public:
  arrow::Result<SecretValue> Get(const SecretReference& reference) override {
    if (on_read_) on_read_();
    std::lock_guard lock(mutex_);
    ++reads_;
    if (interrupted_) return MakeError(ErrorCode::kShuttingDown, "stop");
    if (error_ != ErrorCode::kUnknown) return MakeError(error_, "the source does not answer");
    auto found = values_.find(reference.text);
    if (found == values_.end()) return MakeError(ErrorCode::kNotFound, reference.text);
    SecretValue value;
    value.value = found->second;
    value.refresh_after = refresh_;
    if (has_versions_) value.version = "v" + found->second;
    return value;
  }
  bool IsCurrent(const SecretReference& reference, const std::string& version) override {
    std::lock_guard lock(mutex_);
    ++checks_;
    return version == "v" + values_[reference.text];
  }
  std::optional<MonotonicTime> upkeep_due() const override {
    std::lock_guard lock(mutex_);
    return upkeep_due_;
  }
  arrow::Status Upkeep() override {
    std::lock_guard lock(mutex_);
    ++upkeeps_;
    if (upkeep_due_) *upkeep_due_ += seconds(10);
    return upkeep_status_;
  }
  void Interrupt() override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
  }

  std::function<void()> on_read_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::optional<milliseconds> refresh_ = milliseconds(10'000);
  ErrorCode error_ = ErrorCode::kUnknown;
  bool has_versions_ = false;
  int reads_ = 0;
  int checks_ = 0;
  std::optional<MonotonicTime> upkeep_due_;
  arrow::Status upkeep_status_;
  int upkeeps_ = 0;
  bool interrupted_ = false;
};

class SecretResolverTest : public ::testing::Test {
 protected:
  SecretResolverParts Parts() {
    SecretResolverParts parts;
    parts.environment = &environment_;
    parts.file = &files_;
    parts.vault = &vault_;
    parts.clock = &clock_;
    parts.random = &random_;
    parts.logger = &logger_;
    parts.on_change = [this](const Set& references) {
      changes_.push_back(references);
      if (during_change_) during_change_();
    };
    return parts;
  }
  SecretResolver& resolver() {
    if (resolver_ == nullptr) resolver_ = std::make_unique<SecretResolver>(options_, Parts());
    return *resolver_;
  }
  std::string Resolve(const std::string& text) { return resolver().Resolve(text).ValueOrDie(); }
  size_t Lines() const { return logger_.lines().size(); }

  testing::FakeClock clock_;
  FakeRandom random_;
  testing::RecordingLogger logger_;
  FakeSecrets environment_, files_, vault_;
  std::vector<Set> changes_;
  std::function<void()> during_change_;
  SecretResolverOptions options_;
  std::unique_ptr<SecretResolver> resolver_;
};

TEST_F(SecretResolverTest, ResolvesReferencesAndLeavesOtherTexts) {
  environment_.values_["env:A"] = "from-environment";
  files_.values_["file:/a"] = "from-file";
  vault_.values_["vault:a/b#c"] = "from-vault";
  EXPECT_EQ(Resolve("env:A"), "from-environment");
  EXPECT_EQ(Resolve("file:/a"), "from-file");
  EXPECT_EQ(Resolve("vault:a/b#c"), "from-vault");
  EXPECT_EQ(Resolve("plain"), "plain");
  EXPECT_EQ(Resolve("literal:env:A"), "env:A");
  EXPECT_EQ(Resolve(""), "");
  EXPECT_EQ(Resolve("env:A"), "from-environment");
  EXPECT_EQ(environment_.reads_, 1) << "what is known is not read again";
}

TEST_F(SecretResolverTest, NamesWhatIsMissing) {
  EXPECT_EQ(ErrorCodeOf(resolver().Resolve("env:NONE").status()), ErrorCode::kNotFound);
  arrow::Status malformed = resolver().Resolve("vault:x").status();
  EXPECT_EQ(ErrorCodeOf(malformed), ErrorCode::kBadArgument);
  EXPECT_NE(malformed.message().find("vault:x"), std::string::npos);
  SecretResolverParts parts = Parts();
  parts.vault = nullptr;
  SecretResolver without(options_, parts);
  arrow::Status status = without.Resolve("vault:a/b#c").status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_NE(status.message().find("vault:a/b#c"), std::string::npos);
}

TEST_F(SecretResolverTest, AnEmptySecretIsNone) {
  environment_.values_["env:A"] = "";
  files_.values_["file:/a"] = "";
  vault_.values_["vault:a/b#c"] = "";
  for (const char* text : {"env:A", "file:/a", "vault:a/b#c"}) {
    const arrow::Status status = resolver().Resolve(text).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << text;
    EXPECT_NE(status.message().find(std::string(text) + " is empty"), std::string::npos) << status;
  }
  // Nor is one that becomes empty.
  files_.values_["file:/a"] = "value-before";
  Resolve("file:/a");
  files_.values_["file:/a"] = "";
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(Resolve("file:/a"), "value-before");
  ASSERT_EQ(resolver().status().size(), 1u);
  EXPECT_NE(resolver().status()[0].reason.find("is empty"), std::string::npos);
}

TEST_F(SecretResolverTest, HasALimit) {
  options_.max_references = 1;
  environment_.values_ = {{"env:A", "1"}, {"env:B", "2"}};
  Resolve("env:A");
  arrow::Status status = resolver().Resolve("env:B").status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kResourceExhausted);
  EXPECT_NE(status.message().find("env:B"), std::string::npos);
  EXPECT_EQ(Resolve("env:A"), "1");
}

TEST_F(SecretResolverTest, ReadsAgainWhenALeaseEnds) {
  vault_.values_["vault:a/b#c"] = "first-value";
  Resolve("vault:a/b#c");
  const MonotonicTime next = *resolver().RunDue();
  EXPECT_GE(next - clock_.Now(), seconds(9));
  EXPECT_LE(next - clock_.Now(), seconds(10));
  vault_.values_["vault:a/b#c"] = "second-value";
  clock_.Advance(seconds(8));
  resolver().RunDue();
  EXPECT_EQ(Resolve("vault:a/b#c"), "first-value") << "not yet";
  clock_.Advance(seconds(2));
  resolver().RunDue();
  EXPECT_EQ(Resolve("vault:a/b#c"), "second-value");
  EXPECT_EQ(changes_, std::vector<Set>{{"vault:a/b#c"}});
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(vault_.reads_, 3);
  EXPECT_EQ(changes_.size(), 1u) << "the same value is no change";
}

TEST_F(SecretResolverTest, WhatCannotChangeIsNotReadAgain) {
  environment_.refresh_.reset();
  environment_.values_["env:A"] = "value-of-a";
  Resolve("env:A");
  clock_.Advance(std::chrono::hours(1000));
  EXPECT_FALSE(resolver().RunDue().has_value());
  EXPECT_EQ(environment_.reads_, 1);
}

TEST_F(SecretResolverTest, AFileThatDidNotChangeIsNotRead) {
  files_.has_versions_ = true;
  files_.values_["file:/a"] = "first-value";
  Resolve("file:/a");
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(files_.reads_, 1);
  EXPECT_EQ(files_.checks_, 1);
  files_.values_["file:/a"] = "second-value";
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(files_.reads_, 2);
  EXPECT_EQ(Resolve("file:/a"), "second-value");
}

TEST_F(SecretResolverTest, ChangesAreToldTogether) {
  files_.values_ = {{"file:/a", "1"}, {"file:/b", "2"}, {"file:/c", "3"}};
  for (const char* text : {"file:/a", "file:/b", "file:/c"}) Resolve(text);
  files_.values_["file:/a"] = "4";
  files_.values_["file:/c"] = "5";
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(changes_, (std::vector<Set>{{"file:/a", "file:/c"}}));
}

TEST_F(SecretResolverTest, AFailureKeepsTheOldValueAndIsTold) {
  vault_.values_["vault:a/b#c"] = "value-before";
  Resolve("vault:a/b#c");
  EXPECT_TRUE(resolver().status().empty());
  clock_.Advance(seconds(10));
  const WallTime failed = clock_.WallNow();
  vault_.error_ = ErrorCode::kNotReady;
  MonotonicTime next = *resolver().RunDue();
  EXPECT_EQ(Resolve("vault:a/b#c"), "value-before");
  EXPECT_GE(next - clock_.Now(), milliseconds(500));
  EXPECT_LE(next - clock_.Now(), milliseconds(1000));
  for (int i = 0; i < 12; ++i) {
    clock_.Advance(*resolver().RunDue() - clock_.Now());
  }
  next = *resolver().RunDue();
  EXPECT_GE(next - clock_.Now(), seconds(30)) << "it waits longer from time to time";
  EXPECT_LE(next - clock_.Now(), seconds(60));
  ASSERT_EQ(resolver().status().size(), 1u);
  EXPECT_EQ(resolver().status()[0].reference, "vault:a/b#c");
  EXPECT_EQ(resolver().status()[0].since, failed);
  EXPECT_EQ(resolver().status()[0].reason, "the source does not answer");
  vault_.error_ = ErrorCode::kUnknown;
  clock_.Advance(seconds(60));
  resolver().RunDue();
  EXPECT_TRUE(resolver().status().empty());
  EXPECT_TRUE(logger_.Contains("can be read again"));
  EXPECT_FALSE(logger_.Contains("value-before"));
}

TEST_F(SecretResolverTest, ForgetsWhatNobodyAsksForAnyMore) {
  files_.values_ = {{"file:/kept", "kept-value"}, {"file:/gone", "gone-value"}};
  Resolve("file:/kept");
  Resolve("file:/gone");
  files_.values_.erase("file:/gone");
  clock_.Advance(seconds(10));
  resolver().RunDue();
  resolver().ForgetUnused();
  ASSERT_EQ(resolver().status().size(), 1u) << "both were asked for until then";
  resolver().MarkUnused();
  Resolve("file:/kept");
  ASSERT_EQ(resolver().status().size(), 1u) << "not yet";
  resolver().ForgetUnused();
  EXPECT_TRUE(resolver().status().empty());
  const int reads = files_.reads_;
  clock_.Advance(seconds(60));
  resolver().RunDue();
  EXPECT_EQ(files_.reads_, reads + 1) << "only the one that is left";
  EXPECT_EQ(resolver().Redact("kept-value gone-value"), "[secret] [secret]")
      << "who was told of it may use it still";
  EXPECT_FALSE(resolver().Resolve("file:/gone").ok()) << "it is as if it had never been there";
}

TEST_F(SecretResolverTest, ForgetsDuringAReading) {
  files_.values_["file:/a"] = "value-before";
  Resolve("file:/a");
  resolver().MarkUnused();
  files_.on_read_ = [this] { resolver().ForgetUnused(); };
  files_.values_["file:/a"] = "value-after";
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_TRUE(changes_.empty());
  EXPECT_FALSE(resolver().RunDue().has_value()) << "there is nothing left to read";
}

TEST_F(SecretResolverTest, RepeatedFailuresFillNoLog) {
  vault_.values_["vault:a/b#c"] = "value-before";
  Resolve("vault:a/b#c");
  vault_.error_ = ErrorCode::kPermissionDenied;
  options_.retry.max = milliseconds(1000);
  clock_.Advance(seconds(10));
  for (int i = 0; i < 50; ++i) {
    resolver().RunDue();
    clock_.Advance(seconds(1));
  }
  EXPECT_EQ(Lines(), 1u);
  clock_.Advance(seconds(60));
  resolver().RunDue();
  EXPECT_EQ(Lines(), 2u);
  EXPECT_TRUE(logger_.Contains("vault:a/b#c"));
}

TEST_F(SecretResolverTest, ASourceOutOfReachCostsOneReadingATurn) {
  for (const char* text : {"vault:a/b#1", "vault:a/b#2", "vault:a/b#3"}) {
    vault_.values_[text] = "1";
    Resolve(text);
  }
  files_.values_["file:/a"] = "1";
  Resolve("file:/a");
  files_.values_["file:/a"] = "2";
  vault_.error_ = ErrorCode::kTimeout;
  clock_.Advance(seconds(10));
  resolver().RunDue();
  EXPECT_EQ(vault_.reads_, 3 + 1);
  EXPECT_EQ(Resolve("file:/a"), "2") << "files do not wait for it";
  // A reference of its own that fails holds up no other.
  vault_.error_ = ErrorCode::kNotFound;
  resolver().RunDue();
  EXPECT_EQ(vault_.reads_, 3 + 1 + 2);
}

TEST_F(SecretResolverTest, KeepsLoginsUp) {
  vault_.upkeep_due_ = clock_.Now() + seconds(5);
  EXPECT_EQ(*resolver().RunDue(), clock_.Now() + seconds(5));
  EXPECT_EQ(vault_.upkeeps_, 0);
  clock_.Advance(seconds(5));
  resolver().RunDue();
  EXPECT_EQ(vault_.upkeeps_, 1);
  EXPECT_EQ(Lines(), 0u);
  vault_.upkeep_status_ = MakeError(ErrorCode::kNotReady, "no answer");
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(seconds(10));
    resolver().RunDue();
  }
  EXPECT_EQ(vault_.upkeeps_, 4);
  EXPECT_EQ(Lines(), 1u);
}

TEST_F(SecretResolverTest, RedactsWhatItResolved) {
  EXPECT_EQ(resolver().Redact("a hidden-value b"), std::nullopt);
  environment_.values_ = {{"env:A", "hidden-value"}, {"env:B", "short"}};
  Resolve("env:A");
  Resolve("env:B");
  Resolve("not-a-secret");
  EXPECT_EQ(resolver().Redact("a hidden-value b short not-a-secret"),
            "a [secret] b short not-a-secret");
}

TEST_F(SecretResolverTest, AnOldValueIsStillRedacted) {
  files_.values_["file:/a"] = "old-secret-value";
  Resolve("file:/a");
  files_.values_["file:/a"] = "new-secret-value";
  during_change_ = [&] {
    EXPECT_EQ(resolver().Redact("old-secret-value new-secret-value"), "[secret] [secret]");
    EXPECT_EQ(Resolve("file:/a"), "new-secret-value") << "no lock is held";
  };
  clock_.Advance(seconds(10));
  resolver().RunDue();
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(resolver().Redact("old-secret-value new-secret-value"), "[secret] [secret]")
      << "not everybody can take over a new value without a restart";
}

TEST_F(SecretResolverTest, OldValuesAreRedactedUpToALimit) {
  options_.max_replaced = 2;
  files_.values_["file:/a"] = "value-number-0";
  Resolve("file:/a");
  for (int i = 1; i <= 4; ++i) {
    // Two that come again and again are two.
    for (const int number : {i, i - 1, i}) {
      files_.values_["file:/a"] = "value-number-" + std::to_string(number);
      clock_.Advance(seconds(10));
      resolver().RunDue();
    }
  }
  for (const char* value : {"value-number-1", "value-number-2"}) {
    EXPECT_EQ(resolver().Redact(value), std::nullopt) << value;
  }
  for (const char* value : {"value-number-3", "value-number-4"}) {
    EXPECT_EQ(resolver().Redact(value), "[secret]") << value;
  }
}

TEST_F(SecretResolverTest, ItsThreadReadsAgainAndStops) {
  SystemClock system_clock;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_changed = false;
  SecretResolverParts parts = Parts();
  parts.clock = &system_clock;
  parts.on_change = [&](const Set&) {
    std::lock_guard lock(mutex);
    is_changed = true;
    changed.notify_all();
  };
  files_.refresh_ = milliseconds(1);
  files_.values_["file:/a"] = "old-secret-value";
  auto resolver = std::make_unique<SecretResolver>(options_, parts);
  resolver->Start();
  ASSERT_EQ(resolver->Resolve("file:/a").ValueOrDie(), "old-secret-value");
  {
    std::lock_guard lock(files_.mutex_);
    files_.values_["file:/a"] = "new-secret-value";
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return is_changed; });
  lock.unlock();
  EXPECT_EQ(resolver->Resolve("file:/a").ValueOrDie(), "new-secret-value");
  resolver->Stop();
  resolver->Stop();
  EXPECT_TRUE(files_.interrupted_);
  EXPECT_TRUE(vault_.interrupted_);
  EXPECT_EQ(resolver->Redact("new-secret-value"), "[secret]") << "also after its stop";
}

TEST_F(SecretResolverTest, AnInterruptEndsAReadingOfOthers) {
  vault_.values_["vault:a/b#c"] = "some-value";
  resolver().Interrupt();
  EXPECT_EQ(ErrorCodeOf(resolver().Resolve("vault:a/b#c").status()), ErrorCode::kShuttingDown);
}

}  // namespace
}  // namespace longbow::secret
