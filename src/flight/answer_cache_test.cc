#include "flight/answer_cache.h"

#include <gtest/gtest.h>

namespace longbow::flight {
namespace {

AnswerCache::Answer Answer(int64_t revision, size_t bytes = 1) {
  return {*FlightPath::Make({"a"}), revision,
          transport::Frame::FromString(std::string(bytes, 'x'))};
}

TEST(AnswerCache, FindsTheLastAnswerToTheSameBytes) {
  AnswerCache cache;
  EXPECT_EQ(cache.Find("q"), nullptr);
  cache.Add("q", Answer(1));
  cache.Add("other", Answer(2));
  EXPECT_EQ(cache.Find("q")->revision, 1);
  cache.Add("q", Answer(3));
  EXPECT_EQ(cache.Find("q")->revision, 3);
  EXPECT_EQ(cache.Find("other")->revision, 2);
}

TEST(AnswerCache, ForgetsWhatWasNotUsedForLongest) {
  AnswerCache cache(/*max_bytes=*/8 * 2000);
  for (int i = 0; i < 8; ++i) cache.Add(std::to_string(i), Answer(i, 1400));
  EXPECT_NE(cache.Find("0"), nullptr);
  cache.Add("8", Answer(8, 1400));
  EXPECT_EQ(cache.Find("1"), nullptr);
  for (int i : {0, 2, 3, 4, 5, 6, 7, 8}) EXPECT_NE(cache.Find(std::to_string(i)), nullptr) << i;
}

TEST(AnswerCache, TakesNothingThatIsLarge) {
  AnswerCache cache(/*max_bytes=*/8000);
  cache.Add("q", Answer(1));
  cache.Add("large", Answer(2, 4000));
  EXPECT_EQ(cache.Find("large"), nullptr);
  EXPECT_NE(cache.Find("q"), nullptr);
}

}  // namespace
}  // namespace longbow::flight
