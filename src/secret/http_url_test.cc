#include <string>

#include <gtest/gtest.h>

#include "secret/http_transport.h"

namespace longbow::secret {
namespace {

TEST(HttpUrl, HasOriginAndTarget) {
  HttpUrl url = ParseHttpUrl("https://Vault.Example:8200/v1/a?b=c").ValueOrDie();
  EXPECT_EQ(url.origin, (HttpOrigin{true, "vault.example", 8200}));
  EXPECT_EQ(url.target, "/v1/a?b=c");
  EXPECT_EQ(url.origin.ToString(), "https://vault.example:8200");
  EXPECT_EQ(ParseHttpUrl("https://a").ValueOrDie().origin.port, 443);
  EXPECT_EQ(ParseHttpUrl("http://a").ValueOrDie().origin.port, 80);
  EXPECT_EQ(ParseHttpUrl("http://a?x").ValueOrDie().target, "/?x");
  HttpUrl address = ParseHttpUrl("http://[::1]:8200").ValueOrDie();
  EXPECT_EQ(address.origin, (HttpOrigin{false, "::1", 8200}));
  EXPECT_EQ(address.origin.ToString(), "http://[::1]:8200");
}

TEST(HttpUrl, RefusesWhatCouldMeanSomethingElse) {
  for (const std::string& text : {std::string(""),
                                  std::string("vault:8200"),
                                  std::string("ftp://a"),
                                  std::string("https://"),
                                  std::string("https://:80"),
                                  std::string("https://a:"),
                                  std::string("https://a:0"),
                                  std::string("https://a:65536"),
                                  std::string("https://a:99999999999999999999"),
                                  std::string("https://a:8x"),
                                  std::string("https://user:pass@host"),
                                  std::string("https://a@b/"),
                                  std::string("https://a b"),
                                  std::string("https://a/\r\nX: y"),
                                  std::string("https://a/#f"),
                                  std::string("https://a\\b"),
                                  std::string("https://[::1"),
                                  std::string("https://[x]:1"),
                                  std::string("https://a%2eb"),
                                  std::string("https://a\0b", 11),
                                  "https://a/" + std::string(9000, 'x')}) {
    auto url = ParseHttpUrl(text);
    EXPECT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().message().find("pass"), std::string::npos);
  }
}

}  // namespace
}  // namespace longbow::secret
