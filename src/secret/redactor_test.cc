#include "secret/redactor.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::secret {
namespace {

TEST(Redactor, ReplacesEachSecretWhereverItStands) {
  const Redactor redactor({"hunter22", "pa\0ss\nword"});
  EXPECT_EQ(redactor.Redact("hunter22"), "[secret]");
  EXPECT_EQ(redactor.Redact("a hunter22 and hunter22"), "a [secret] and [secret]");
  EXPECT_EQ(redactor.Redact("hunter22hunter22x"), "[secret][secret]x");
  EXPECT_EQ(redactor.Redact("hunter2"), std::nullopt);
  EXPECT_EQ(redactor.Redact("hhunter2 hunter2"), std::nullopt);
  EXPECT_EQ(redactor.Redact(""), std::nullopt);
}

TEST(Redactor, TakesTheFirstAndThereTheLongest) {
  const Redactor redactor({"secret-one", "secret-one-and-more", "one-and-more", "secret-zzz"});
  EXPECT_EQ(redactor.Redact("x secret-one-and-more y"), "x [secret] y");
  EXPECT_EQ(redactor.Redact("x secret-one-and y"), "x [secret]-and y");
  EXPECT_EQ(redactor.Redact("secret-one-and-mor"), "[secret]-and-mor");
  EXPECT_EQ(redactor.Redact("secret-zzz"), "[secret]");
}

TEST(Redactor, LeavesShortSecretsAlone) {
  const Redactor redactor({"", "a", "12345", "123456"});
  EXPECT_EQ(redactor.Redact("a 12345 b"), std::nullopt);
  EXPECT_EQ(redactor.Redact("a 123456 b"), "a [secret] b");
  EXPECT_TRUE(Redactor({"12345"}).empty());
}

TEST(Redactor, TakesAnyBytes) {
  std::string secret("\xff\0\xfe\0\n\x80", 6);
  const Redactor redactor({secret});
  EXPECT_EQ(redactor.Redact("<" + secret + ">"), "<[secret]>");
}

TEST(Redactor, AgreesWithASearchForEachSecret) {
  // Over a small alphabet, so that beginnings are shared and matches overlap.
  std::vector<std::string> secrets;
  uint32_t state = 7;
  const auto next = [&state] { return (state = state * 1664525 + 1013904223) >> 24; };
  const auto text_of = [&](size_t size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>('a' + next() % 2);
    return text;
  };
  for (int i = 0; i < 8; ++i) secrets.push_back(text_of(kMinRedactedBytes + next() % 5));
  const Redactor redactor(secrets);
  for (int round = 0; round < 300; ++round) {
    const std::string text = text_of(next() % 60);
    std::string expected;
    for (size_t i = 0; i < text.size();) {
      size_t longest = 0;
      for (const std::string& secret : secrets) {
        if (text.compare(i, secret.size(), secret) == 0) longest = std::max(longest, secret.size());
      }
      expected += longest > 0 ? std::string(kRedacted) : std::string(1, text[i]);
      i += std::max<size_t>(longest, 1);
    }
    EXPECT_EQ(redactor.Redact(text).value_or(text), expected) << text;
  }
}

}  // namespace
}  // namespace longbow::secret
