// The Vault client over the network, against the stand-in of Vault in tests/vault.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

#include "secret/environment_secrets.h"
#include "secret/file_secrets.h"
#include "secret/secret_resolver.h"
#include "secret/vault_fakes.h"
#include "secret/vault_secrets.h"
#include "secret/vault_server_process.h"

namespace longbow::secret {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kReference[] = "vault:kv/team/db#password";

class VaultHttpTest : public ::testing::Test {
 protected:
  VaultHttpTest() {
    std::string name = (fs::temp_directory_path() / "longbow-vault-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    options_.login = VaultLogin::kAppRole;
    options_.role = "role-id-of-test";
    options_.secret_id.value = "secret-id-of-test";
    // The machine may be slow; no test here waits for it.
    options_.attempt_timeout = seconds(60);
    options_.deadline = seconds(120);
  }
  ~VaultHttpTest() override {
    secrets_.reset();
    fs::remove_all(folder_);
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void StartServer(std::vector<std::string> arguments = {}) {
    const bool is_tls = !arguments.empty();
    server_ = std::make_unique<VaultServerProcess>(std::move(arguments));
    ASSERT_NE(server_->port(), 0) << "the stand-in did not start";
    options_.address = AddressOf(*server_, is_tls);
    MakeRole(*server_, Json::object());
    Put("value-one-in-vault");
  }
  static std::string AddressOf(const VaultServerProcess& server, bool is_tls = false) {
    return std::string(is_tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(server.port());
  }
  static void MakeRole(VaultServerProcess& server, const Json& more) {
    Json role = {{"method", "approle"},
                 {"name", "role-id-of-test"},
                 {"credential", "secret-id-of-test"},
                 {"token_ttl", 600}};
    role.update(more);
    server.Do("role", role);
  }
  void Put(const std::string& password) {
    server_->Do("put", {{"path", "team/db"}, {"data", {{"password", password}, {"port", 5432}}}});
  }
  VaultSecrets& secrets() {
    if (secrets_ == nullptr) {
      transport_ = MakeNetworkTransport(options_.tls);
      VaultSurroundings surroundings{transport_.get(), &waiter_, &clock_, &random_};
      secrets_ = VaultSecrets::Make(options_, surroundings).ValueOrDie();
    }
    return *secrets_;
  }
  arrow::Result<SecretValue> Read(const std::string& text = kReference) {
    return secrets().Get(ParseSecretReference(text).ValueOrDie().value());
  }
  ErrorCode CodeOfRead(const std::string& text = kReference) {
    const arrow::Status status = Read(text).status();
    for (const char* hidden : {"hvs.", "secret-id-of-test", "value-one", "given-token"}) {
      EXPECT_EQ(status.ToString().find(hidden), std::string::npos) << status.ToString();
    }
    return ErrorCodeOf(status);
  }
  /// Time goes by on both sides.
  void Advance(seconds duration) {
    clock_.Advance(duration);
    server_->Do("advance", {{"seconds", duration.count()}});
  }
  void AdvanceToUpkeep() {
    const auto wait = *secrets().upkeep_due() - clock_.Now();
    Advance(std::chrono::duration_cast<seconds>(wait) + seconds(1));
  }
  /// The requests since the last call; nothing in them may break the API's rules.
  std::vector<std::string> Requests() {
    const Json seen = server_->Do("look");
    EXPECT_EQ(seen["violations"], Json::array());
    return seen["requests"].get<std::vector<std::string>>();
  }

  fs::path folder_;
  VaultOptions options_;
  testing::FakeClock clock_;
  FakeWaiter waiter_{&clock_};
  SystemRandom random_;
  std::unique_ptr<VaultServerProcess> server_;
  std::unique_ptr<HttpTransport> transport_;
  std::unique_ptr<VaultSecrets> secrets_;
};

using Lines = std::vector<std::string>;
constexpr char kLogin[] = "POST /v1/auth/approle/login";
constexpr char kRead[] = "GET /v1/kv/data/team/db";
constexpr char kRenew[] = "POST /v1/auth/token/renew-self";

TEST_F(VaultHttpTest, LogsInByAppRoleAndReads) {
  StartServer();
  EXPECT_EQ(Read().ValueOrDie().value, "value-one-in-vault");
  EXPECT_EQ(Read("vault:kv/team/db#port").ValueOrDie().value, "5432");
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead, kRead}));
}

TEST_F(VaultHttpTest, TellsWhatIsNotThere) {
  StartServer();
  EXPECT_EQ(CodeOfRead("vault:kv/team/db#user"), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOfRead("vault:kv/team/other#password"), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOfRead("vault:nowhere/team/db#password"), ErrorCode::kNotFound);
  server_->Do("delete", {{"path", "team/db"}});
  EXPECT_NE(Read().status().message().find("deleted"), std::string::npos);
  Put("value-two-in-vault");
  EXPECT_EQ(Read().ValueOrDie().value, "value-two-in-vault");
  server_->Do("destroy", {{"path", "team/db"}});
  EXPECT_NE(Read().status().message().find("deleted"), std::string::npos);
  Requests();
}

TEST_F(VaultHttpTest, OddPathsArriveAsTheyAre) {
  StartServer();
  server_->Do("put",
              {{"mount", "team/b c"}, {"path", "ä/%2f?x"}, {"data", {{"k#y", "odd-value"}}}});
  EXPECT_EQ(Read("vault:team/b c//ä/%2f?x#k#y").ValueOrDie().value, "odd-value");
  Requests();
}

TEST_F(VaultHttpTest, NamespacesKeepApart) {
  StartServer();
  options_.vault_namespace = "team/a";
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated) << "the role is in another namespace";
  MakeRole(*server_, {{"namespace", "team/a"}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kNotFound);
  server_->Do("put", {{"path", "team/db"},
                      {"namespace", "team/a"},
                      {"data", {{"password", "value-of-namespace"}}}});
  EXPECT_EQ(Read().ValueOrDie().value, "value-of-namespace");
  Requests();
}

TEST_F(VaultHttpTest, AWrongSecretIdIsRefused) {
  StartServer();
  options_.secret_id.value = "secret-id-of-nobody";
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Requests(), Lines{kLogin});
}

TEST_F(VaultHttpTest, RenewsAndLogsInAgainAtTheGreatestAge) {
  StartServer();
  MakeRole(*server_, {{"token_ttl", 600}, {"token_max_ttl", 1500}});
  ASSERT_TRUE(Read().ok());
  Lines upkeeps;
  for (int i = 0; i < 8; ++i) {
    AdvanceToUpkeep();
    ASSERT_TRUE(secrets().Upkeep().ok());
    ASSERT_TRUE(Read().ok()) << "the token has not ended, round " << i;
  }
  const Lines requests = Requests();
  EXPECT_GE(std::count(requests.begin(), requests.end(), kRenew), 4);
  EXPECT_GE(std::count(requests.begin(), requests.end(), kLogin), 2);
}

TEST_F(VaultHttpTest, ATokenThatEndedIsReplaced) {
  StartServer();
  ASSERT_TRUE(Read().ok());
  Advance(seconds(601));
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead, kLogin, kRead}));
  server_->Do("revoke_all");
  EXPECT_TRUE(Read().ok()) << "a denial leads to a new login";
  EXPECT_EQ(Requests(), (Lines{kRead, kLogin, kRead}));
}

TEST_F(VaultHttpTest, ATokenOfOneUseIsReplacedEachTime) {
  StartServer();
  MakeRole(*server_, {{"token_num_uses", 1}});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Read().ok()) << i;
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead, kRead, kLogin, kRead, kRead, kLogin, kRead}));
}

TEST_F(VaultHttpTest, ASecretIdThatIsUsedUpIsRefused) {
  StartServer();
  MakeRole(*server_, {{"credential_num_uses", 1}});
  ASSERT_TRUE(Read().ok());
  server_->Do("revoke_all");
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
}

TEST_F(VaultHttpTest, PoliciesDeny) {
  StartServer();
  MakeRole(*server_, {{"denied", {"kv/data/team/"}}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead, kLogin, kRead}));
}

TEST_F(VaultHttpTest, LogsInByKubernetes) {
  StartServer();
  options_.login = VaultLogin::kKubernetes;
  options_.role = "web";
  options_.auth_mount = "cluster-1";
  options_.jwt_file = Path("token");
  std::ofstream(Path("token")) << "aaa.bbb.ccc";
  server_->Do("role", {{"method", "kubernetes"},
                       {"mount", "cluster-1"},
                       {"name", "web"},
                       {"credential", "ddd.eee.fff"}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
  std::ofstream(Path("token")) << "ddd.eee.fff\n";
  EXPECT_EQ(Read().ValueOrDie().value, "value-one-in-vault");
  EXPECT_EQ(Requests().front(), "POST /v1/auth/cluster-1/login");
}

TEST_F(VaultHttpTest, UsesAGivenTokenUntilItEnds) {
  StartServer();
  options_.login = VaultLogin::kToken;
  options_.token.value = "given-token";
  EXPECT_EQ(CodeOfRead(), ErrorCode::kPermissionDenied);
  secrets_.reset();
  server_->Do("token", {{"name", "given-token"}, {"ttl", 600}, {"max_ttl", 900}});
  ASSERT_TRUE(Read().ok());
  AdvanceToUpkeep();
  EXPECT_TRUE(secrets().Upkeep().ok());
  ASSERT_TRUE(Read().ok());
  Advance(seconds(900));
  EXPECT_EQ(CodeOfRead(), ErrorCode::kPermissionDenied);
  Requests();
}

TEST_F(VaultHttpTest, WaitsForASealedVault) {
  StartServer();
  server_->Do("fail", {{"status", 503}, {"message", "Vault is sealed"}, {"times", 3}});
  EXPECT_TRUE(Read().ok());
  server_->Do("seal", {{"sealed", true}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kNotReady);
  server_->Do("seal", {{"sealed", false}});
  EXPECT_TRUE(Read().ok());
}

TEST_F(VaultHttpTest, FollowsAStandby) {
  StartServer();
  VaultServerProcess standby;
  standby.Do("standby", {{"redirect", AddressOf(*server_)}});
  options_.address = AddressOf(standby);
  EXPECT_EQ(Read().ValueOrDie().value, "value-one-in-vault");
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead}));
  standby.Do("standby", {{"redirect", AddressOf(*server_) + "/elsewhere"}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kCommandFailed);
  EXPECT_EQ(Requests(), Lines());
}

TEST_F(VaultHttpTest, AnAnswerThatIsTooLargeIsRefused) {
  StartServer();
  server_->Do("put",
              {{"path", "large"}, {"data", {{"password", std::string((1 << 20) + 1, 'x')}}}});
  EXPECT_EQ(CodeOfRead("vault:kv/large#password"), ErrorCode::kResourceExhausted);
}

TEST_F(VaultHttpTest, AResolverSeesTheNewValue) {
  StartServer();
  server_->Do("lease", {{"seconds", 20}});
  testing::RecordingLogger logger;
  EnvironmentSecrets environment;
  FileSecrets files({milliseconds(1000), &logger});
  std::set<std::string> changed;
  SecretResolverParts parts{&environment,
                            &files,
                            &secrets(),
                            &clock_,
                            &random_,
                            &logger,
                            [&](const std::set<std::string>& references) { changed = references; }};
  SecretResolver resolver({}, parts);
  EXPECT_EQ(resolver.Resolve(kReference).ValueOrDie(), "value-one-in-vault");
  Put("value-two-in-vault");
  Advance(seconds(20));
  resolver.RunDue();
  EXPECT_EQ(changed, std::set<std::string>{kReference});
  EXPECT_EQ(resolver.Resolve(kReference).ValueOrDie(), "value-two-in-vault");
  EXPECT_EQ(resolver.Redact("password=value-two-in-vault"), "password=[secret]");
  server_->Do("delete", {{"path", "team/db"}});
  Advance(seconds(20));
  resolver.RunDue();
  EXPECT_EQ(resolver.Resolve(kReference).ValueOrDie(), "value-two-in-vault");
  ASSERT_EQ(resolver.status().size(), 1u);
  EXPECT_FALSE(logger.Contains("value-two-in-vault"));
  Requests();
}

/// With certificates that are made when the test runs.
class VaultHttpsTest : public VaultHttpTest {
 protected:
  void SetUp() override {
    MakeAuthority("ca");
    MakeAuthority("other-ca");
    MakeCertificate("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost");
    MakeCertificate("named", "ca", "subjectAltName=DNS:vault.test");
    MakeCertificate("client", "ca", "subjectAltName=DNS:client");
    options_.tls.ca_certificate_file = Path("ca.pem");
  }
  void Run(const std::string& command) const {
    const std::string quiet = "cd " + folder_.string() + " && " + command + " >log 2>&1";
    ASSERT_EQ(std::system(quiet.c_str()), 0) << command;
  }
  void MakeAuthority(const std::string& name) const {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" +
        name + " -addext basicConstraints=critical,CA:TRUE -keyout " + name + ".key -out " + name +
        ".pem");
  }
  void MakeCertificate(const std::string& name, const std::string& ca,
                       const std::string& extension) const {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 "
        "-keyout " +
        name + ".key -out " + name + ".csr");
    std::ofstream(Path(name + ".ext")) << extension << "\n";
    Run("openssl x509 -req -days 2 -in " + name + ".csr -CA " + ca + ".pem -CAkey " + ca +
        ".key -CAcreateserial -extfile " + name + ".ext -out " + name + ".pem");
  }
  void StartWith(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--certificate", Path(name + ".pem"), "--key",
                                          Path(name + ".key")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    StartServer(arguments);
  }
  std::string Content(const std::string& name) const {
    std::stringstream content;
    content << std::ifstream(Path(name)).rdbuf();
    return content.str();
  }
};

TEST_F(VaultHttpsTest, ReadsOverTls) {
  StartWith("server");
  EXPECT_EQ(Read().ValueOrDie().value, "value-one-in-vault");
  EXPECT_EQ(Requests(), (Lines{kLogin, kRead}));
}

TEST_F(VaultHttpsTest, TheAuthorityMayBeAText) {
  StartWith("server");
  options_.tls.ca_certificate_file.clear();
  options_.tls.ca_pem = Content("other-ca.pem") + Content("ca.pem");
  EXPECT_TRUE(Read().ok());
}

TEST_F(VaultHttpsTest, NoOtherAuthorityIsTrusted) {
  StartWith("server");
  options_.tls.ca_certificate_file = Path("other-ca.pem");
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
  secrets_.reset();
  options_.tls.ca_certificate_file.clear();  // those of the system
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Requests(), Lines()) << "nothing was sent";
}

TEST_F(VaultHttpsTest, TheServersNameIsChecked) {
  StartWith("named");  // its common name is the address, its alternative names are not
  EXPECT_EQ(CodeOfRead(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Requests(), Lines());
  secrets_.reset();
  StartWith("server");
  options_.address = "https://localhost:" + std::to_string(server_->port());
  EXPECT_TRUE(Read().ok());
}

TEST_F(VaultHttpsTest, SendsAClientCertificate) {
  StartWith("server", {"--client-ca", Path("ca.pem")});
  options_.deadline = seconds(2);
  // The last attempt may have hardly any time left.
  const ErrorCode code = CodeOfRead();
  EXPECT_TRUE(code == ErrorCode::kNotReady || code == ErrorCode::kTimeout);
  EXPECT_EQ(Requests(), Lines());
  secrets_.reset();
  options_.deadline = seconds(120);
  options_.tls.certificate_file = Path("client.pem");
  options_.tls.key_file = Path("client.key");
  EXPECT_EQ(Read().ValueOrDie().value, "value-one-in-vault");
  secrets_.reset();
  options_.tls.key_file = Path("server.key");
  EXPECT_EQ(CodeOfRead(), ErrorCode::kBadArgument);
}

TEST_F(VaultHttpsTest, BadAuthoritiesAreNamed) {
  StartWith("server");
  for (const char* content : {"", "no pem", "-----BEGIN CERTIFICATE-----\nxxxx\n"}) {
    secrets_.reset();
    std::ofstream(Path("bad.pem")) << content;
    options_.tls.ca_certificate_file = Path("bad.pem");
    const arrow::Status status = Read().status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << status.ToString();
    EXPECT_NE(status.message().find("bad.pem"), std::string::npos);
  }
}

TEST_F(VaultHttpsTest, ATlsServerDoesNotRedirectToPlainText) {
  StartWith("server");
  VaultServerProcess plain;
  server_->Do("standby", {{"redirect", AddressOf(plain)}});
  EXPECT_EQ(CodeOfRead(), ErrorCode::kCommandFailed);
  EXPECT_EQ(plain.Do("look")["requests"], Json::array());
}

}  // namespace
}  // namespace longbow::secret
