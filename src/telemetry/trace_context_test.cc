#include "telemetry/trace_context.h"

#include <string>

#include <gtest/gtest.h>

#include "base/random.h"

namespace longbow::telemetry {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";
const std::string kGood = "00-" + kTrace + "-" + kSpan + "-01";

TEST(TraceContextTest, ReadsVersion00) {
  const auto context = ParseTraceparent(kGood, "congo=t61rcWkgMzE");
  ASSERT_TRUE(context.has_value());
  EXPECT_TRUE(context->valid());
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(TraceIdHex(*context), kTrace);
  EXPECT_EQ(context->trace_id[0], 0x0a);
  EXPECT_EQ(context->span_id[7], 0x31);
  EXPECT_EQ(context->state, "congo=t61rcWkgMzE");
  EXPECT_EQ(FormatTraceparent(*context), kGood);
}

TEST(TraceContextTest, OnlyTheLowestFlagIsSampled) {
  const struct {
    const char* flags;
    bool sampled;
  } cases[] = {{"00", false}, {"01", true}, {"02", false},
               {"03", true},  {"ff", true}, {"fe", false}};
  for (const auto& [flags, sampled] : cases) {
    const auto context = ParseTraceparent("00-" + kTrace + "-" + kSpan + "-" + flags, "");
    ASSERT_TRUE(context.has_value()) << flags;
    EXPECT_EQ(context->sampled, sampled) << flags;
    // Unknown flags are not sent on.
    EXPECT_EQ(FormatTraceparent(*context).substr(53), sampled ? "01" : "00");
  }
}

TEST(TraceContextTest, MalformedTraceparents) {
  const std::string upper = "0AF7651916CD43DD8448EB211C80319C";
  const std::string cases[] = {
      "",
      "00",
      "00-",
      kGood.substr(0, 54),
      kGood + "-",
      kGood + "-01",
      kGood + "0",
      " " + kGood,
      kGood + " ",
      "ff-" + kTrace + "-" + kSpan + "-01",
      "ff-" + kTrace + "-" + kSpan + "-01-more",
      "0-" + kTrace + "-" + kSpan + "-001",
      "0G-" + kTrace + "-" + kSpan + "-01",
      "CC-" + kTrace + "-" + kSpan + "-01",
      "00-" + upper + "-" + kSpan + "-01",
      "00-" + kTrace + "-B7AD6B7169203331-01",
      "00-" + kTrace + "-" + kSpan + "-0A",
      "00-" + kTrace + "-" + kSpan + "-0g",
      "00-" + std::string(32, '0') + "-" + kSpan + "-01",
      "00-" + kTrace + "-" + std::string(16, '0') + "-01",
      "00_" + kTrace + "-" + kSpan + "-01",
      "00-" + kTrace + "." + kSpan + "-01",
      "00-" + kTrace + "-" + kSpan + "." + "01",
      "00-" + kTrace.substr(1) + "-" + kSpan + "0-01",
      "01-" + kTrace + "-" + kSpan + "-01.more",
      "01-" + kTrace + "-" + kSpan + "-0",
      "01-" + kTrace + "-" + kSpan + "-01-" + std::string(1000, 'x'),
      std::string("00-") + std::string(52, '\0'),
      kGood + "," + kGood,
  };
  for (const std::string& text : cases) {
    EXPECT_FALSE(ParseTraceparent(text, "a=1").has_value()) << text;
  }
}

TEST(TraceContextTest, VersionsToComeAreReadAsFarAsWeKnow) {
  for (const std::string& text :
       {"01-" + kTrace + "-" + kSpan + "-01", "cc-" + kTrace + "-" + kSpan + "-01-what-comes",
        "fe-" + kTrace + "-" + kSpan + "-09-"}) {
    const auto context = ParseTraceparent(text, "a=1");
    ASSERT_TRUE(context.has_value()) << text;
    EXPECT_EQ(FormatTraceparent(*context), kGood);
    EXPECT_EQ(context->state, "a=1");
  }
}

std::string StateOf(const std::string& state) {
  const auto context = ParseTraceparent(kGood, state);
  EXPECT_TRUE(context.has_value()) << state;
  return context.has_value() ? context->state : "none";
}

TEST(TraceContextTest, States) {
  const std::string long_key(256, 'k');
  const struct {
    std::string state;
    std::string kept;
  } cases[] = {
      {"", ""},
      {" ", ""},
      {",, ,", ""},
      {"a=1", "a=1"},
      {" a=1 \t,\t b=2 ,", "a=1,b=2"},
      {"a= 1", "a= 1"},
      {"0tenant@system/x*y_z-1=v!~", "0tenant@system/x*y_z-1=v!~"},
      {long_key + "=1", long_key + "=1"},
      // Malformed:
      {"a", ""},
      {"a=", ""},
      {"=1", ""},
      {"A=1", ""},
      {"-a=1", ""},
      {"a b=1", ""},
      {"a =1", ""},
      {"a=1=2", ""},
      {"a=1;b", "a=1;b"},
      {"a=1,a=2", ""},
      {"a=\x01", ""},
      {"a=\xc3\xa4", ""},
      {"a=1\r\nx: y", ""},
      {std::string("a=1\0", 4), ""},
      {long_key + "k=1", ""},
      {"a=" + std::string(257, 'v'), ""},
      {"good=1,bad", ""},
  };
  for (const auto& [state, kept] : cases) EXPECT_EQ(StateOf(state), kept) << state;
}

TEST(TraceContextTest, AStateHas32MembersAtMost) {
  std::string state = "k0=v";
  for (int i = 1; i < 32; ++i) state += ",k" + std::to_string(i) + "=v";
  EXPECT_EQ(StateOf(state), state);
  EXPECT_EQ(StateOf(state + ",one=more"), "");
  EXPECT_EQ(StateOf(state + ", ,"), state);
}

TEST(TraceContextTest, ALongStateLosesLongMembersFirstAndThenTheLast) {
  const std::string big = "big=" + std::string(200, 'x');
  const std::string hundred = "=" + std::string(97, 'y');
  const std::string small = "k1" + hundred + ",k2" + hundred + ",k3" + hundred + ",k4" + hundred;
  EXPECT_EQ(StateOf("a=1," + big + "," + small), "a=1," + small);
  // What fits stays, however long its members are.
  EXPECT_EQ(StateOf("a=1," + big), "a=1," + big);
  EXPECT_EQ(StateOf(small + ",k5" + hundred + ",k6" + hundred), small + ",k5" + hundred);
  EXPECT_EQ(StateOf(std::string(9000, ',') + "a=1"), "");
}

TEST(TraceContextTest, AContextThatIsNotValidIsNotSent) {
  EXPECT_FALSE(TraceContext().valid());
  EXPECT_EQ(FormatTraceparent(TraceContext()), "");
  EXPECT_EQ(TraceIdHex(TraceContext()), "");
  TraceContext no_span;
  no_span.trace_id[3] = 1;
  EXPECT_FALSE(no_span.valid());
  EXPECT_EQ(FormatTraceparent(no_span), "");
}

// Whatever comes in, what goes out is well-formed.
TEST(TraceContextTest, SurvivesMutations) {
  FakeRandom random(7);
  for (int i = 0; i < 200'000; ++i) {
    std::string parent = kGood;
    std::string state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7 , x@y= v";
    for (std::string* text : {&parent, &state}) {
      uint16_t numbers[3];
      random.Fill(numbers, sizeof(numbers));
      const size_t at = numbers[0] % text->size();
      if (numbers[1] % 4 == 0) {
        text->erase(at, numbers[2] % 5);
      } else if (numbers[1] % 4 == 1) {
        text->insert(at, numbers[2] % 5, static_cast<char>(numbers[2] >> 8));
      } else {
        (*text)[at] = static_cast<char>(numbers[2]);
      }
    }
    const auto context = ParseTraceparent(parent, state);
    if (!context.has_value()) continue;
    ASSERT_TRUE(context->valid());
    const auto again = ParseTraceparent(FormatTraceparent(*context), context->state);
    ASSERT_TRUE(again.has_value());
    ASSERT_EQ(again->state, context->state);
    ASSERT_EQ(again->trace_id, context->trace_id);
    ASSERT_LE(context->state.size(), 512U);
  }
}

}  // namespace
}  // namespace longbow::telemetry
