#include "base/tcp_listener.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

bool CanConnect(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  const Descriptor made(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(made.fd(), found->ai_addr, found->ai_addrlen) == 0;
}

bool HasIpv6() { return ListenOnTcp("::1", 0).ok(); }

TEST(TcpListenerTest, EachWayToWriteAnAddressWorks) {
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "::", "[::]", ""}) {
    const auto bound = ListenOnTcp(host, 0);
    ASSERT_TRUE(bound.ok()) << host << ": " << bound.status();
    EXPECT_GT(bound->port, 0);
    EXPECT_TRUE(CanConnect("127.0.0.1", bound->port)) << host;
  }
  if (!HasIpv6()) GTEST_SKIP() << "this machine has no IPv6";
  for (const char* host : {"::1", "[::1]", "::", "[::]", ""}) {
    const auto bound = ListenOnTcp(host, 0);
    ASSERT_TRUE(bound.ok()) << host << ": " << bound.status();
    EXPECT_TRUE(CanConnect("::1", bound->port)) << host;
  }
  // Where IPv6 is asked for, or only IPv4, the other one is not served.
  EXPECT_FALSE(CanConnect("127.0.0.1", ListenOnTcp("::1", 0)->port));
  EXPECT_FALSE(CanConnect("::1", ListenOnTcp("127.0.0.1", 0)->port));
}

TEST(TcpListenerTest, AllAddressesOfANameGetOnePortOrNone) {
  const auto both = ListenOnTcp("localhost", 0).ValueOrDie();
  if (both.sockets.size() < 2) GTEST_SKIP() << "localhost is one address here";
  EXPECT_TRUE(CanConnect("127.0.0.1", both.port));
  EXPECT_TRUE(CanConnect("::1", both.port));
  const auto one = ListenOnTcp("::1", 0).ValueOrDie();
  const auto refused = ListenOnTcp("localhost", one.port);
  EXPECT_EQ(ErrorCodeOf(refused.status()), ErrorCode::kAlreadyExists);
  EXPECT_FALSE(CanConnect("127.0.0.1", one.port));
}

TEST(TcpListenerTest, AnAddressInUseIsNamedWithWhatToDo) {
  const auto first = ListenOnTcp("127.0.0.1", 0).ValueOrDie();
  const auto second = ListenOnTcp("127.0.0.1", first.port);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ErrorCodeOf(second.status()), ErrorCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find("127.0.0.1:" + std::to_string(first.port)),
            std::string::npos);
  EXPECT_NE(second.status().message().find("choose another port"), std::string::npos);
}

TEST(TcpListenerTest, AnAddressThatMakesNoSenseIsNamed) {
  const struct {
    const char* host;
    int port;
    const char* text;
  } cases[] = {{"no-such-host.invalid", 0, "no-such-host.invalid"},
               {"192.0.2.1", 0, "does not have that address"},
               {"127.0.0.1", 65536, "a port is"},
               {"127.0.0.1", -1, "a port is"},
               {"[127.0.0.1", 0, "not known"},
               {"[]", 0, "not known"}};
  for (const auto& c : cases) {
    const auto bound = ListenOnTcp(c.host, c.port);
    ASSERT_FALSE(bound.ok()) << c.host;
    EXPECT_EQ(ErrorCodeOf(bound.status()), ErrorCode::kBadArgument) << c.host;
    EXPECT_NE(bound.status().message().find(c.text), std::string::npos) << bound.status();
  }
}

TEST(TcpListenerTest, IsClosedWithItsOwner) {
  int port = 0;
  {
    auto bound = ListenOnTcp("127.0.0.1", 0).ValueOrDie();
    port = bound.port;
    const TcpListener moved = std::move(bound);
    EXPECT_EQ(moved.sockets.size(), 1u);
  }
  EXPECT_FALSE(CanConnect("127.0.0.1", port));
}

}  // namespace
}  // namespace longbow
