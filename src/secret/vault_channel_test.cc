#include "secret/vault_channel.h"

#include <string>

#include <gtest/gtest.h>

#include "secret/vault_fakes.h"

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;

class VaultChannelTest : public ::testing::Test {
 protected:
  VaultChannelTest() {
    options_.address = "https://vault.test:8200";
    options_.token.value = "unused";
  }
  VaultCall Call() {
    VaultCall call;
    call.what = "the reading";
    call.method = "GET";
    call.path = "kv/data/a";
    call.token = "hvs.very-secret-token";
    call.deadline = world_.clock.Now() + options_.deadline;
    return call;
  }
  arrow::Result<VaultReply> Send() { return VaultChannel(&options_, world_.get()).Send(Call()); }
  ErrorCode CodeOfSend() { return ErrorCodeOf(Send().status()); }
  static HttpReply Redirect(const std::string& location, int status = 307) {
    return {status, "", location};
  }

  VaultOptions options_;
  FakeSurroundings world_;
};

TEST_F(VaultChannelTest, SendsTheHeadersOfTheApi) {
  options_.vault_namespace = "team/a";
  world_.transport.Script({{200, "{}", ""}});
  EXPECT_EQ(Send().ValueOrDie().status, 200);
  const HttpRequest request = world_.transport.requests().at(0);
  EXPECT_EQ(request.origin, (HttpOrigin{true, "vault.test", 8200}));
  EXPECT_EQ(request.target, "/v1/kv/data/a");
  EXPECT_EQ(HeaderOf(request, "X-Vault-Token"), "hvs.very-secret-token");
  EXPECT_EQ(HeaderOf(request, "X-Vault-Namespace"), "team/a");
  EXPECT_EQ(HeaderOf(request, "X-Vault-Request"), "true");
  EXPECT_EQ(request.timeout, options_.attempt_timeout);
}

TEST_F(VaultChannelTest, LeavesOutWhatIsNotSet) {
  world_.transport.Script({{200, "{}", ""}});
  VaultCall call = Call();
  call.token = "";
  ASSERT_TRUE(VaultChannel(&options_, world_.get()).Send(call).ok());
  EXPECT_EQ(HeaderOf(world_.transport.requests().at(0), "X-Vault-Token"), "(none)");
  EXPECT_EQ(HeaderOf(world_.transport.requests().at(0), "X-Vault-Namespace"), "(none)");
}

TEST_F(VaultChannelTest, TriesAgainAfterPassingErrors) {
  for (int status : {412, 429, 472, 473, 500, 502, 503}) {
    FakeTransport& transport = world_.transport;
    const size_t before = transport.requests().size();
    transport.Script({{status, "", ""}, {status, "", ""}, {200, "{}", ""}});
    EXPECT_EQ(Send().ValueOrDie().status, 200) << status;
    EXPECT_EQ(transport.requests().size() - before, 3u) << status;
  }
  const std::vector<milliseconds>& waits = world_.waiter.waits();
  ASSERT_EQ(waits.size(), 14u);
  EXPECT_GE(waits[0], milliseconds(50));
  EXPECT_LE(waits[0], milliseconds(100));
  EXPECT_GE(waits[1], milliseconds(100));
  EXPECT_LE(waits[1], milliseconds(200));
}

TEST_F(VaultChannelTest, TriesAgainWithoutAConnection) {
  int count = 0;
  world_.transport.Handle([&](const HttpRequest&) -> arrow::Result<HttpReply> {
    if (++count < 3) return MakeError(ErrorCode::kNotReady, "no connection");
    return HttpReply{200, "{}", ""};
  });
  EXPECT_TRUE(Send().ok());
  EXPECT_EQ(count, 3);
}

TEST_F(VaultChannelTest, OtherAnswersAreFinal) {
  for (int status : {200, 204, 400, 403, 404, 405, 501}) {
    const size_t before = world_.transport.requests().size();
    world_.transport.Script({{status, "", ""}});
    EXPECT_EQ(Send().ValueOrDie().status, status);
    EXPECT_EQ(world_.transport.requests().size() - before, 1u) << status;
  }
  world_.transport.Handle([](const HttpRequest&) -> arrow::Result<HttpReply> {
    return MakeError(ErrorCode::kUnauthenticated, "the certificate is not good");
  });
  EXPECT_EQ(CodeOfSend(), ErrorCode::kUnauthenticated);
  EXPECT_TRUE(world_.waiter.waits().empty());
}

TEST_F(VaultChannelTest, GivesUpAtTheDeadline) {
  world_.transport.Script({{503, R"({"errors":["Vault is sealed"]})", ""}});
  const MonotonicTime begin = world_.clock.Now();
  arrow::Status status = Send().status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kNotReady);
  EXPECT_NE(status.message().find("503, sealed"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("Vault is sealed"), std::string::npos);
  EXPECT_NE(status.message().find("10000 ms"), std::string::npos);
  EXPECT_LE(world_.clock.Now() - begin, options_.deadline);
  EXPECT_GE(world_.clock.Now() - begin, options_.deadline - options_.backoff.max);
}

TEST_F(VaultChannelTest, AnAttemptHasWhatIsLeft) {
  world_.transport.Handle([&](const HttpRequest& request) -> arrow::Result<HttpReply> {
    world_.clock.Advance(request.timeout);
    return MakeError(ErrorCode::kTimeout, "no answer");
  });
  EXPECT_EQ(CodeOfSend(), ErrorCode::kTimeout);
  ASSERT_EQ(world_.transport.requests().size(), 2u);
  EXPECT_LT(world_.transport.requests().at(1).timeout, options_.attempt_timeout);
}

TEST_F(VaultChannelTest, EndsSoonAfterAnInterrupt) {
  world_.transport.Script({{503, "", ""}});
  world_.waiter.Interrupt();
  EXPECT_EQ(CodeOfSend(), ErrorCode::kShuttingDown);
}

TEST_F(VaultChannelTest, FollowsAStandbyToTheActiveNode) {
  world_.transport.Script({Redirect("https://active.test:8200/v1/kv/data/%61"), {200, "{}", ""}});
  EXPECT_TRUE(Send().ok());
  const HttpRequest second = world_.transport.requests().at(1);
  EXPECT_EQ(second.origin, (HttpOrigin{true, "active.test", 8200}));
  EXPECT_EQ(second.target, "/v1/kv/data/a");
  EXPECT_EQ(HeaderOf(second, "X-Vault-Token"), "hvs.very-secret-token");
}

TEST_F(VaultChannelTest, FollowsTwoRedirectsAndNoThird) {
  const HttpReply again = Redirect("https://other.test/v1/kv/data/a");
  world_.transport.Script({again, again, {200, "{}", ""}});
  EXPECT_TRUE(Send().ok());
  world_.transport.Script({again, again, again, {200, "{}", ""}});
  EXPECT_EQ(CodeOfSend(), ErrorCode::kCommandFailed);
  EXPECT_EQ(world_.transport.requests().size(), 6u);
}

TEST_F(VaultChannelTest, SendsTheTokenNowhereElse) {
  for (const HttpReply& reply : {Redirect("http://vault.test:8200/v1/kv/data/a"),  // no TLS
                                 Redirect("https://evil.test/collect"),            // another path
                                 Redirect("https://evil.test/v1/kv/data/a?x=y"),   // another query
                                 Redirect("https://u:p@evil.test/v1/kv/data/a"),   // no such URL
                                 Redirect("/v1/kv/data/a"), Redirect(""),  // not what Vault sends
                                 Redirect("https://active.test/v1/kv/data/a", 301),     //
                                 Redirect("https://active.test/v1/kv/data/a", 302)}) {  //
    const size_t before = world_.transport.requests().size();
    world_.transport.Script({reply, {200, "{}", ""}});
    EXPECT_EQ(CodeOfSend(), ErrorCode::kCommandFailed) << reply.location;
    EXPECT_EQ(world_.transport.requests().size() - before, 1u) << reply.location;
  }
}

TEST_F(VaultChannelTest, WithoutTlsARedirectStaysOnTheHost) {
  options_.address = "http://127.0.0.1:8200";
  world_.transport.Script({Redirect("http://10.0.0.1:8200/v1/kv/data/a"), {200, "{}", ""}});
  EXPECT_EQ(CodeOfSend(), ErrorCode::kCommandFailed);
  world_.transport.Script({Redirect("http://127.0.0.1:8300/v1/kv/data/a"), {200, "{}", ""}});
  EXPECT_TRUE(Send().ok());
  world_.transport.Script({Redirect("https://127.0.0.1:8300/v1/kv/data/a"), {200, "{}", ""}});
  EXPECT_TRUE(Send().ok());
}

TEST_F(VaultChannelTest, ErrorsHoldNothingThatWasSent) {
  VaultCall call = Call();
  call.secrets = {"role-secret-id"};
  const VaultChannel channel(&options_, world_.get());
  arrow::Status status =
      channel.ErrorOf(call, 400, R"({"errors":["bad hvs.very-secret-token, role-secret-id\n"]})");
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_EQ(status.ToString().find("very-secret"), std::string::npos) << status.ToString();
  EXPECT_EQ(status.ToString().find("role-secret-id"), std::string::npos);
  EXPECT_NE(status.message().find("bad [secret], [secret]?"), std::string::npos);
  EXPECT_EQ(ErrorCodeOf(channel.ErrorOf(call, 403, "")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(ErrorCodeOf(channel.ErrorOf(call, 404, "")), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorCodeOf(channel.ErrorOf(call, 501, "")), ErrorCode::kCommandFailed);
}

}  // namespace
}  // namespace longbow::secret
