#include "http/host_names.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::http {
namespace {

/// Whether a header is understood, and what it names is allowed.
bool Passes(const HostNames& names, std::string_view header) {
  const auto host = ParseHost(header);
  return host && names.Allows(*host);
}

TEST(HostNamesTest, AHeaderIsAHostAndMaybeAPort) {
  const struct {
    std::string header;
    std::string host;
  } cases[] = {
      {"localhost", "localhost"},        {"LocalHost:17002", "localhost"},
      {"localhost.:17002", "localhost"}, {"localhost:", "localhost"},
      {" a.example:1 \t", "a.example"},  {"a_b-1.example", "a_b-1.example"},
      {"127.0.0.1:65535", "127.0.0.1"},  {"[::1]", "[::1]"},
      {"[FE80::1]:80", "[fe80::1]"},     {"[fe80::1%eth0]:80", "[fe80::1%eth0]"},
  };
  for (const auto& c : cases) EXPECT_EQ(ParseHost(c.header).value_or(""), c.host) << c.header;
}

TEST(HostNamesTest, WhatIsNoHostIsNothing) {
  for (const std::string& header : {std::string(""),
                                    std::string("  "),
                                    std::string("."),
                                    std::string(":80"),
                                    std::string("a b"),
                                    std::string("a,b"),
                                    std::string("a..b"),
                                    std::string(".localhost"),
                                    std::string("localhost.."),
                                    std::string("a:b"),
                                    std::string("a:123456"),
                                    std::string("a:80:80"),
                                    std::string("a:-1"),
                                    std::string("a/b"),
                                    std::string("u@localhost"),
                                    std::string("http://localhost"),
                                    std::string("<script>"),
                                    std::string("*"),
                                    std::string("\xc3\xa4.example"),
                                    std::string("localhost\0.evil.example", 23),
                                    std::string("::1"),
                                    std::string("[::1"),
                                    std::string("::1]"),
                                    std::string("[::1]80"),
                                    std::string("[::1]x:80"),
                                    std::string("[]"),
                                    std::string("[1.2.3.4]"),
                                    std::string("[evil.example]"),
                                    std::string("[::1%"),
                                    std::string("[::1%]"),
                                    std::string("[::1%a/b]"),
                                    std::string("[::1\0x]", 7),
                                    std::string("["),
                                    std::string("]"),
                                    std::string("x[::1]:80"),
                                    std::string("[::1].evil.example"),
                                    std::string("]:80")}) {
    EXPECT_FALSE(ParseHost(header)) << header;
  }
}

TEST(HostNamesTest, AddressesAndLocalhostAreAlwaysAllowed) {
  const HostNames none;
  for (const char* header : {"127.0.0.1:17002", "10.1.2.3", "0.0.0.0:1", "[::1]:17002",
                             "[2001:DB8::1]", "[fe80::1%2]", "[::ffff:127.0.0.1]", "localhost",
                             "LOCALHOST:80", "localhost.", "node.localhost:80", "a.b.LocalHost"}) {
    EXPECT_TRUE(Passes(none, header)) << header;
  }
}

TEST(HostNamesTest, OtherNamesAreAllowedByName) {
  const HostNames names({"Node.Example", "dotted.example.", "[::1]", "x:80", ""});
  for (const char* header : {"node.example", "NODE.EXAMPLE:17002", "node.example.:80",
                             "dotted.example", "dotted.example."}) {
    EXPECT_TRUE(Passes(names, header)) << header;
  }
  for (const char* header :
       {"evil.example", "evil.example:17002", "a.node.example", "example", "node", "xlocalhost",
        "localhost.evil.example", "127.0.0.1.evil.example", "1.2.3", "x", "x:80"}) {
    EXPECT_FALSE(Passes(names, header)) << header;
  }
}

TEST(HostNamesTest, AStarAllowsAnyNameButNoNonsense) {
  const HostNames any({"*"});
  EXPECT_TRUE(Passes(any, "evil.example:1"));
  EXPECT_FALSE(Passes(any, ""));
  EXPECT_FALSE(Passes(any, "a b"));
  // A star is no pattern.
  EXPECT_FALSE(Passes(HostNames({"*.example"}), "a.example"));
}

TEST(HostNamesTest, ANameOfTheSettingsHasNoPort) {
  for (const char* name : {"a", "a.example", "a.example.", "A_1-b", "10.1.2.3"}) {
    EXPECT_TRUE(IsHostName(name)) << name;
  }
  for (const char* name : {"", ".", "a:80", "*", "*.example", "a b", "a..b", "[::1]", "::1"}) {
    EXPECT_FALSE(IsHostName(name)) << name;
  }
}

}  // namespace
}  // namespace longbow::http
