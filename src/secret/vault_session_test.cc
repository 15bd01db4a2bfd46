#include "secret/vault_session.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

#include <gtest/gtest.h>

#include "secret/vault_fakes.h"

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

constexpr char kLogin[] = "POST /v1/auth/approle/login";
constexpr char kRenew[] = "POST /v1/auth/token/renew-self";
constexpr char kLookup[] = "GET /v1/auth/token/lookup-self";

std::string Auth(const std::string& token, int ttl_sec, bool renewable = true) {
  return R"({"auth":{"client_token":")" + token + R"(","lease_duration":)" +
         std::to_string(ttl_sec) + R"(,"renewable":)" + (renewable ? "true" : "false") + "}}";
}

std::string Lookup(int ttl_sec, bool renewable) {
  return R"({"data":{"ttl":)" + std::to_string(ttl_sec) + R"(,"renewable":)" +
         (renewable ? "true" : "false") + "}}";
}

class VaultSessionTest : public ::testing::Test {
 protected:
  VaultSessionTest() {
    options_.address = "https://vault.test:8200";
    options_.login = VaultLogin::kAppRole;
    options_.role = "the-role-id";
    options_.secret_id.value = "the-secret-id";
    file_ = (std::filesystem::temp_directory_path() /
             ("longbow-credential-" + std::to_string(getpid()) + "-" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()))
                .string();
  }
  ~VaultSessionTest() override { std::remove(file_.c_str()); }

  VaultSession& session() {
    if (session_ == nullptr) {
      channel_ = std::make_unique<VaultChannel>(&options_, world_.get());
      session_ = std::make_unique<VaultSession>(&options_, channel_.get(), world_.get());
    }
    return *session_;
  }
  MonotonicTime Deadline() const { return world_.clock.Now() + options_.deadline; }
  arrow::Result<std::string> Token() { return session().Token(Deadline()); }
  arrow::Status Upkeep() { return session().Upkeep(Deadline()); }
  void AdvanceToUpkeep() { world_.clock.Advance(*session().upkeep_due() - world_.clock.Now()); }
  void WriteFile(const std::string& content) { std::ofstream(file_) << content; }

  VaultOptions options_;
  FakeSurroundings world_;
  std::unique_ptr<VaultChannel> channel_;
  std::unique_ptr<VaultSession> session_;
  std::string file_;
};

TEST_F(VaultSessionTest, LogsInOnceByAppRole) {
  world_.transport.Script({{200, Auth("token-1", 600), ""}});
  EXPECT_EQ(Token().ValueOrDie(), "token-1");
  EXPECT_EQ(Token().ValueOrDie(), "token-1");
  ASSERT_EQ(world_.transport.lines(), Lines{kLogin});
  const HttpRequest request = world_.transport.requests().at(0);
  EXPECT_EQ(request.body, R"({"role_id":"the-role-id","secret_id":"the-secret-id"})");
  EXPECT_EQ(HeaderOf(request, "X-Vault-Token"), "(none)");
}

TEST_F(VaultSessionTest, ARoleMayBindNoSecretIdAndBeMountedElsewhere) {
  options_.secret_id = {};
  options_.auth_mount = "teams/approle two";
  world_.transport.Script({{200, Auth("token-1", 600), ""}});
  EXPECT_TRUE(Token().ok());
  EXPECT_EQ(world_.transport.lines(), Lines{"POST /v1/auth/teams/approle%20two/login"});
  EXPECT_EQ(world_.transport.requests().at(0).body, R"({"role_id":"the-role-id"})");
}

TEST_F(VaultSessionTest, ReadsTheServiceAccountsTokenAtEachLogin) {
  options_.login = VaultLogin::kKubernetes;
  options_.role = "web";
  options_.jwt_file = file_;
  WriteFile("first.jwt.x\n");
  world_.transport.Script({{200, Auth("token-1", 60), ""}, {200, Auth("token-2", 60), ""}});
  EXPECT_EQ(Token().ValueOrDie(), "token-1");
  WriteFile("second.jwt.x\n");
  world_.clock.Advance(seconds(61));
  EXPECT_EQ(Token().ValueOrDie(), "token-2") << "the first has ended";
  EXPECT_EQ(world_.transport.lines(),
            (Lines{"POST /v1/auth/kubernetes/login", "POST /v1/auth/kubernetes/login"}));
  EXPECT_EQ(world_.transport.requests().at(0).body, R"({"jwt":"first.jwt.x","role":"web"})");
  EXPECT_EQ(world_.transport.requests().at(1).body, R"({"jwt":"second.jwt.x","role":"web"})");
}

TEST_F(VaultSessionTest, RenewsBeforeTwoThirdsOfTheTime) {
  world_.transport.Script({{200, Auth("token-1", 600), ""}, {200, Auth("token-1", 600), ""}});
  EXPECT_FALSE(session().upkeep_due().has_value()) << "there is no token yet";
  ASSERT_TRUE(Token().ok());
  const auto wait = *session().upkeep_due() - world_.clock.Now();
  EXPECT_GE(wait, seconds(300));
  EXPECT_LE(wait, seconds(400));
  AdvanceToUpkeep();
  ASSERT_TRUE(Upkeep().ok());
  EXPECT_EQ(world_.transport.lines(), (Lines{kLogin, kRenew}));
  EXPECT_EQ(HeaderOf(world_.transport.requests().at(1), "X-Vault-Token"), "token-1");
  EXPECT_GE(*session().upkeep_due() - world_.clock.Now(), seconds(300));
  world_.clock.Advance(seconds(500));
  EXPECT_EQ(Token().ValueOrDie(), "token-1") << "the renewal counts";
  EXPECT_EQ(world_.transport.lines().size(), 2u);
}

TEST_F(VaultSessionTest, LogsInAgainWhenARenewalIsRefused) {
  for (int status : {400, 403}) {
    session_.reset();
    world_.transport.Script({{200, Auth("token-1", 600), ""},
                             {status, R"({"errors":["permission denied"]})", ""},
                             {200, Auth("token-2", 600), ""}});
    ASSERT_TRUE(Token().ok());
    AdvanceToUpkeep();
    EXPECT_TRUE(Upkeep().ok());
    EXPECT_EQ(Token().ValueOrDie(), "token-2");
  }
}

TEST_F(VaultSessionTest, LogsInAgainWhenATokenIsNotRenewable) {
  world_.transport.Script(
      {{200, Auth("token-1", 600, false), ""}, {200, Auth("token-2", 600), ""}});
  ASSERT_TRUE(Token().ok());
  AdvanceToUpkeep();
  ASSERT_TRUE(Upkeep().ok());
  EXPECT_EQ(Token().ValueOrDie(), "token-2");
  EXPECT_EQ(world_.transport.lines(), (Lines{kLogin, kLogin}));
}

TEST_F(VaultSessionTest, LogsInAgainNearTheGreatestAge) {
  world_.transport.Script({{200, Auth("token-1", 600), ""},
                           {200, Auth("token-1", 299), ""},
                           {200, Auth("token-2", 600), ""}});
  ASSERT_TRUE(Token().ok());
  AdvanceToUpkeep();
  ASSERT_TRUE(Upkeep().ok());
  EXPECT_EQ(Token().ValueOrDie(), "token-2");
  EXPECT_EQ(world_.transport.lines(), (Lines{kLogin, kRenew, kLogin}));
}

TEST_F(VaultSessionTest, KeepsItsTokenWhileVaultIsAway) {
  world_.transport.Script({{200, Auth("token-1", 600), ""}, {503, "", ""}});
  ASSERT_TRUE(Token().ok());
  AdvanceToUpkeep();
  EXPECT_EQ(ErrorCodeOf(Upkeep()), ErrorCode::kNotReady);
  EXPECT_EQ(Token().ValueOrDie(), "token-1");
  const auto wait = *session().upkeep_due() - world_.clock.Now();
  EXPECT_GT(wait, milliseconds(0));
  EXPECT_LE(wait, seconds(1));
  world_.transport.Script({{200, Auth("token-1", 600), ""}});
  AdvanceToUpkeep();
  EXPECT_TRUE(Upkeep().ok());
  EXPECT_EQ(world_.transport.lines().back(), kRenew);
}

TEST_F(VaultSessionTest, ATokenWithoutEndNeedsNoUpkeep) {
  world_.transport.Script({{200, Auth("token-1", 0), ""}});
  ASSERT_TRUE(Token().ok());
  EXPECT_FALSE(session().upkeep_due().has_value());
  world_.clock.Advance(std::chrono::hours(10'000));
  EXPECT_EQ(Token().ValueOrDie(), "token-1");
  EXPECT_EQ(world_.transport.requests().size(), 1u);
}

TEST_F(VaultSessionTest, ARefusedLoginIsUnauthenticatedAndNamesNoCredential) {
  for (int status : {400, 403}) {
    world_.transport.Script(
        {{status, R"({"errors":["invalid secret id the-secret-id of the-role-id"]})", ""}});
    arrow::Status refused = Token().status();
    EXPECT_EQ(ErrorCodeOf(refused), ErrorCode::kUnauthenticated);
    EXPECT_EQ(refused.ToString().find("the-secret-id"), std::string::npos) << refused.ToString();
    EXPECT_EQ(refused.ToString().find("the-role-id"), std::string::npos);
  }
  EXPECT_EQ(world_.transport.requests().size(), 2u) << "a refusal is not tried again";
}

TEST_F(VaultSessionTest, AGivenTokenIsLookedUpAndRenewed) {
  options_.login = VaultLogin::kToken;
  options_.token.value = "given-token";
  world_.transport.Script({{200, Lookup(600, true), ""}, {200, Auth("given-token", 600), ""}});
  EXPECT_EQ(Token().ValueOrDie(), "given-token");
  AdvanceToUpkeep();
  EXPECT_TRUE(Upkeep().ok());
  EXPECT_EQ(world_.transport.lines(), (Lines{kLookup, kRenew}));
}

TEST_F(VaultSessionTest, AGivenTokenThatMayNotLookItselfUpIsUsedAllTheSame) {
  options_.login = VaultLogin::kToken;
  options_.token.value = "given-token";
  world_.transport.Script({{403, "", ""}});
  EXPECT_EQ(Token().ValueOrDie(), "given-token");
  EXPECT_FALSE(session().upkeep_due().has_value());
  EXPECT_EQ(session().Replace("given-token", Deadline()).ValueOrDie(), "given-token");
}

TEST_F(VaultSessionTest, AGivenTokenWhoseRenewalIsRefusedIsAnErrorToLog) {
  options_.login = VaultLogin::kToken;
  options_.token.value = "given-token";
  world_.transport.Script(
      {{200, Lookup(600, true), ""}, {403, "", ""}, {200, Lookup(250, true), ""}});
  ASSERT_TRUE(Token().ok());
  AdvanceToUpkeep();
  EXPECT_EQ(ErrorCodeOf(Upkeep()), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Token().ValueOrDie(), "given-token");
}

TEST_F(VaultSessionTest, ATokenFileIsReadAgain) {
  options_.login = VaultLogin::kToken;
  options_.token.file = file_;
  WriteFile("file-token-1\n");
  world_.transport.Script({{200, Lookup(600, false), ""}});
  EXPECT_EQ(Token().ValueOrDie(), "file-token-1");
  EXPECT_EQ(session().Replace("file-token-1", Deadline()).ValueOrDie(), "file-token-1");
  EXPECT_EQ(world_.transport.requests().size(), 1u) << "the same file is no reason to ask";
  WriteFile("file-token-2\n");
  EXPECT_EQ(session().Replace("file-token-1", Deadline()).ValueOrDie(), "file-token-2");
  WriteFile("file-token-3\n");
  AdvanceToUpkeep();
  ASSERT_TRUE(Upkeep().ok());
  EXPECT_EQ(Token().ValueOrDie(), "file-token-3");
}

TEST_F(VaultSessionTest, ATokenThatWouldBreakAHeaderIsRefused) {
  options_.login = VaultLogin::kToken;
  for (const char* token : {"a\r\nX: y", "two words", "\xff", "a\nb"}) {
    session_.reset();
    options_.token.value = token;
    arrow::Status status = Token().status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  }
  EXPECT_TRUE(world_.transport.requests().empty());
}

TEST_F(VaultSessionTest, ManyThreadsShareOneLogin) {
  world_.transport.Handle([](const HttpRequest&) -> arrow::Result<HttpReply> {
    return HttpReply{200, Auth("token-1", 600), ""};
  });
  session();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(Token().ValueOrDie(), "token-1"); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(world_.transport.requests().size(), 1u);
}

TEST_F(VaultSessionTest, ReplaceUsesWhatAnotherThreadGot) {
  world_.transport.Script({{200, Auth("token-1", 600), ""}, {200, Auth("token-2", 600), ""}});
  ASSERT_TRUE(Token().ok());
  EXPECT_EQ(session().Replace("token-1", Deadline()).ValueOrDie(), "token-2");
  EXPECT_EQ(session().Replace("token-1", Deadline()).ValueOrDie(), "token-2");
  EXPECT_EQ(world_.transport.requests().size(), 2u);
}

}  // namespace
}  // namespace longbow::secret
