#include "secret/vault_secrets.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "secret/file_secrets.h"
#include "secret/vault_fakes.h"

namespace longbow::secret {
namespace {

using std::chrono::seconds;

constexpr char kLoginAnswer[] =
    R"({"auth":{"client_token":"token-of-login","lease_duration":600,"renewable":true}})";
constexpr char kSecretAnswer[] =
    R"({"lease_duration":0,"data":{"data":{"password":"value-in-vault"},"metadata":{"version":1}}})";

class VaultSecretsTest : public ::testing::Test {
 protected:
  VaultSecretsTest() {
    options_.address = "https://vault.test:8200";
    options_.login = VaultLogin::kAppRole;
    options_.role = "the-role-id";
  }
  arrow::Result<SecretValue> Get(const std::string& text = "vault:kv/team/db#password") {
    if (secrets_ == nullptr) secrets_ = VaultSecrets::Make(options_, world_.get()).ValueOrDie();
    return secrets_->Get(ParseSecretReference(text).ValueOrDie().value());
  }
  /// The error of a reading that Vault answers like that.
  arrow::Status ErrorOf(int status, const std::string& body) {
    world_.transport.Script({{200, kLoginAnswer, ""}, {status, body, ""}});
    secrets_.reset();
    return Get().status();
  }
  void ExpectSays(const arrow::Status& status, ErrorCode code, const std::string& part) {
    EXPECT_EQ(ErrorCodeOf(status), code) << status.ToString();
    EXPECT_NE(status.message().find(part), std::string::npos) << status.ToString();
    EXPECT_NE(status.message().find("vault:kv/team/db#password"), std::string::npos);
    EXPECT_EQ(status.ToString().find("token-of-login"), std::string::npos);
    EXPECT_EQ(status.ToString().find("value-in-vault"), std::string::npos);
  }

  VaultOptions options_;
  FakeSurroundings world_;
  std::unique_ptr<VaultSecrets> secrets_;
};

TEST_F(VaultSecretsTest, LogsInAndReads) {
  world_.transport.Script({{200, kLoginAnswer, ""}, {200, kSecretAnswer, ""}});
  SecretValue value = Get().ValueOrDie();
  EXPECT_EQ(value.value, "value-in-vault");
  EXPECT_EQ(value.refresh_after, seconds(300));
  EXPECT_EQ(world_.transport.lines().at(1), "GET /v1/kv/data/team/db");
  EXPECT_EQ(HeaderOf(world_.transport.requests().at(1), "X-Vault-Token"), "token-of-login");
}

TEST_F(VaultSecretsTest, EncodesMountAndPath) {
  world_.transport.Script({{200, kLoginAnswer, ""}, {200, kSecretAnswer, ""}});
  ASSERT_TRUE(Get("vault:kv/b//d b/?x%2f#password").ok());
  EXPECT_EQ(world_.transport.lines().at(1), "GET /v1/kv/b/data/d%20b/%3Fx%252f");
}

TEST_F(VaultSecretsTest, AnAnswersLeaseCounts) {
  const auto answer = [](const std::string& lease) {
    return R"({"lease_duration":)" + lease + R"(,"data":{"data":{"password":"x"},"metadata":{}}})";
  };
  world_.transport.Script({{200, kLoginAnswer, ""},
                           {200, answer("20"), ""},
                           {200, answer("9999999"), ""},
                           {200, answer("-1"), ""}});
  EXPECT_EQ(Get().ValueOrDie().refresh_after, seconds(20));
  EXPECT_EQ(Get().ValueOrDie().refresh_after, seconds(24 * 3600));
  EXPECT_EQ(Get().ValueOrDie().refresh_after, seconds(300));
}

TEST_F(VaultSecretsTest, EachKindOfAbsenceHasItsSentence) {
  ExpectSays(ErrorOf(404, R"({"errors":[]})"), ErrorCode::kNotFound, "is not in Vault");
  ExpectSays(
      ErrorOf(404, R"({"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z",
                          "destroyed":false,"version":3}}})"),
      ErrorCode::kNotFound, "was deleted");
  ExpectSays(ErrorOf(200, R"({"data":{"data":{"user":"value-in-vault"},"metadata":{}}})"),
             ErrorCode::kNotFound, "has no such key");
  ExpectSays(ErrorOf(200, R"({"data":{"password":"value-in-vault"}})"), ErrorCode::kCommandFailed,
             "version 2");
  ExpectSays(ErrorOf(200, R"({"data":{"data":{"password":["value-in-vault"]},"metadata":{}}})"),
             ErrorCode::kBadArgument, "no text");
  ExpectSays(ErrorOf(200, "value-in-vault"), ErrorCode::kCommandFailed, "has not the form");
  ExpectSays(ErrorOf(400, R"({"errors":["bad token-of-login"]})"), ErrorCode::kBadArgument,
             "bad [secret]");
}

TEST_F(VaultSecretsTest, ADeniedReadingLogsInOnceMore) {
  world_.transport.Script(
      {{200, kLoginAnswer, ""},
       {403, R"({"errors":["permission denied"]})", ""},
       {200, R"({"auth":{"client_token":"token-two","lease_duration":600,"renewable":true}})", ""},
       {200, kSecretAnswer, ""}});
  EXPECT_EQ(Get().ValueOrDie().value, "value-in-vault");
  EXPECT_EQ(HeaderOf(world_.transport.requests().at(3), "X-Vault-Token"), "token-two");
}

TEST_F(VaultSecretsTest, ASecondDenialIsTheError) {
  world_.transport.Script(
      {{200, kLoginAnswer, ""},
       {403, "", ""},
       {200, R"({"auth":{"client_token":"token-two","lease_duration":600,"renewable":true}})", ""},
       {403, R"({"errors":["permission denied for token-two"]})", ""}});
  arrow::Status status = Get().status();
  ExpectSays(status, ErrorCode::kPermissionDenied, "403, permission denied");
  EXPECT_EQ(status.ToString().find("token-two"), std::string::npos);
  EXPECT_EQ(world_.transport.requests().size(), 4u);
}

TEST_F(VaultSecretsTest, AGivenTokenThatIsDeniedIsNotTriedTwice) {
  options_.login = VaultLogin::kToken;
  options_.token.value = "token-given";
  world_.transport.Script({{403, "", ""}});
  ExpectSays(Get().status(), ErrorCode::kPermissionDenied, "403");
  EXPECT_EQ(world_.transport.lines(), (std::vector<std::string>{"GET /v1/auth/token/lookup-self",
                                                                "GET /v1/kv/data/team/db"}));
}

TEST_F(VaultSecretsTest, LoginAndReadingShareTheDeadline) {
  world_.transport.Handle([&](const HttpRequest& request) -> arrow::Result<HttpReply> {
    world_.clock.Advance(std::chrono::milliseconds(4000));
    if (request.method == "POST") return HttpReply{200, kLoginAnswer, ""};
    return HttpReply{503, "", ""};
  });
  const MonotonicTime begin = world_.clock.Now();
  EXPECT_FALSE(Get().ok());
  EXPECT_LE(world_.clock.Now() - begin, options_.deadline + seconds(4));
}

TEST_F(VaultSecretsTest, AnInterruptEndsIt) {
  world_.transport.Script({{503, "", ""}});
  secrets_ = VaultSecrets::Make(options_, world_.get()).ValueOrDie();
  secrets_->Interrupt();
  EXPECT_EQ(ErrorCodeOf(Get().status()), ErrorCode::kShuttingDown);
}

TEST_F(VaultSecretsTest, OptionsThatCannotWorkAreRefused) {
  const auto refused = [&](void (*change)(VaultOptions*)) {
    VaultOptions options = options_;
    change(&options);
    arrow::Status status = VaultSecrets::Make(options, world_.get()).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << status.ToString();
  };
  EXPECT_TRUE(CheckVaultOptions(options_).ok());
  refused([](VaultOptions* o) { o->address = "vault.test:8200"; });
  refused([](VaultOptions* o) { o->address = "https://vault.test/ui"; });
  refused([](VaultOptions* o) { o->address = ""; });
  refused([](VaultOptions* o) { o->vault_namespace = "a\r\nX-Evil: 1"; });
  refused([](VaultOptions* o) { o->vault_namespace = "../root"; });
  refused([](VaultOptions* o) { o->auth_mount = "a/../../sys"; });
  refused([](VaultOptions* o) { o->auth_mount = "/approle"; });
  refused([](VaultOptions* o) { o->role = ""; });
  refused([](VaultOptions* o) { o->login = VaultLogin::kToken; });
  refused([](VaultOptions* o) {
    o->login = VaultLogin::kKubernetes;
    o->jwt_file = "";
  });
  refused([](VaultOptions* o) { o->tls.certificate_file = "/c.pem"; });
  refused([](VaultOptions* o) { o->refresh = seconds(0); });
  refused([](VaultOptions* o) { o->deadline = seconds(-1); });
}

}  // namespace
}  // namespace longbow::secret
