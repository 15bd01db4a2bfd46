#include "secret/secret_reference.h"

#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::secret {
namespace {

SecretReference Parse(const std::string& text) {
  return ParseSecretReference(text).ValueOrDie().value();
}

TEST(SecretReference, OnlyTheThreeSchemesMakeOne) {
  for (const char* text : {"", "plain", "ENV:X", " env:X", "envX", "http://x", "literal:env:X",
                           "xfile:/a", "vault", "Vault:a/b#c"}) {
    EXPECT_FALSE(ParseSecretReference(text).ValueOrDie().has_value()) << text;
  }
  EXPECT_EQ(Parse("env:_A9z").name, "_A9z");
  EXPECT_EQ(Parse("file:/run/secrets/a b#c").name, "/run/secrets/a b#c");
  EXPECT_EQ(Parse("file:/x").scheme, SecretScheme::kFile);
  EXPECT_EQ(Parse("env:X").text, "env:X");
}

TEST(SecretReference, TheFirstSegmentIsTheMountUnlessTwoSlashesEndIt) {
  SecretReference one = Parse("vault:kv/team/db#password");
  EXPECT_EQ(one.mount, "kv");
  EXPECT_EQ(one.path, "team/db");
  EXPECT_EQ(one.key, "password");
  SecretReference two = Parse("vault:kv/team//db/x#a#b");
  EXPECT_EQ(two.mount, "kv/team");
  EXPECT_EQ(two.path, "db/x");
  EXPECT_EQ(two.key, "a#b");
  EXPECT_EQ(Parse("vault:kv//db#k").mount, "kv");
}

TEST(SecretReference, MalformedOnesAreNamed) {
  for (const std::string& text : {std::string("env:"),           std::string("env:9A"),
                                  std::string("env:A-B"),        std::string("env:A B"),
                                  std::string("file:"),          std::string("file:x"),
                                  std::string("file:./x"),       std::string("vault:"),
                                  std::string("vault:a"),        std::string("vault:a/b"),
                                  std::string("vault:a/b#"),     std::string("vault:a#k"),
                                  std::string("vault:/a/b#k"),   std::string("vault:a/#k"),
                                  std::string("vault:a/../b#k"), std::string("vault:a/b/..#k"),
                                  std::string("vault:../b#k"),   std::string("vault:a/./b#k"),
                                  std::string("vault:a/b.#k"),   std::string("vault:a//b//c#k"),
                                  std::string("vault:a///b#k"),  std::string("vault:a/b/#k"),
                                  std::string("vault:#k")}) {
    auto parsed = ParseSecretReference(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(ErrorCodeOf(parsed.status()), ErrorCode::kBadArgument);
    EXPECT_NE(parsed.status().message().find("\"" + text + "\""), std::string::npos) << text;
  }
}

TEST(SecretReference, HostileBytesAreRefusedAndNotShown) {
  for (const std::string& text :
       {std::string("file:/a\nb"), std::string("file:/a\0b", 9), std::string("vault:a/b\r\n#k"),
        std::string("vault:a/\xff#k"), "file:/" + std::string(kMaxReferenceBytes, 'x')}) {
    auto parsed = ParseSecretReference(text);
    ASSERT_FALSE(parsed.ok());
    const std::string message = parsed.status().message();
    EXPECT_EQ(message.find_first_of(std::string("\n\r\0\xff", 4)), std::string::npos);
    EXPECT_LT(message.size(), 300u);
  }
}

TEST(SecretReference, LiteralsLoseTheirPrefixOnce) {
  EXPECT_EQ(LiteralValue("literal:env:X"), "env:X");
  EXPECT_EQ(LiteralValue("literal:literal:x"), "literal:x");
  EXPECT_EQ(LiteralValue("plain"), "plain");
}

TEST(SecretReference, SegmentsAreEncodedForAUrl) {
  EXPECT_EQ(PercentEncodeSegments("a-._~/Z9"), "a-._~/Z9");
  EXPECT_EQ(PercentEncodeSegments("a b%2e?x=#\\"), "a%20b%252e%3Fx%3D%23%5C");
  EXPECT_EQ(PercentEncodeSegments("\xc3\xa4"), "%C3%A4");
}

}  // namespace
}  // namespace longbow::secret
