#include "base/base64.h"

#include <string>

#include <gtest/gtest.h>

#include "base/random.h"

namespace longbow {
namespace {

TEST(Base64, EncodesTheVectorsOfTheRfc) {
  EXPECT_EQ(EncodeBase64(""), "");
  EXPECT_EQ(EncodeBase64("f"), "Zg==");
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
  EXPECT_EQ(EncodeBase64("foo"), "Zm9v");
  EXPECT_EQ(EncodeBase64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64("\xFB\xFF"), "+/8=");
}

TEST(Base64, DecodesWithAndWithoutPadding) {
  EXPECT_EQ(DecodeBase64("Zg=="), "f");
  EXPECT_EQ(DecodeBase64("Zg"), "f");
  EXPECT_EQ(DecodeBase64("-_8"), "\xFB\xFF");
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Z g=", "Zm9v=", "Zm9v====", "=", "Zm9vY", "\xFF"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, ReadsBackWhatItWrote) {
  FakeRandom random;
  for (size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    random.Fill(bytes.data(), size);
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
  }
}

}  // namespace
}  // namespace longbow
