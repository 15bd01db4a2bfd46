#include "server/node_secrets.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <utility>

#include <longbow/error.h>

#include "secret/http_transport.h"
#include "secret/vault_secrets.h"

namespace longbow::server {
namespace {

constexpr char kSection[] = "vault";

secret::VaultLogin LoginOf(const std::string& name) {
  if (name == "approle") return secret::VaultLogin::kAppRole;
  if (name == "kubernetes") return secret::VaultLogin::kKubernetes;
  return secret::VaultLogin::kToken;
}

}  // namespace

class NodeSecrets::LateLogger : public Logger {
 public:
  void Use(Logger* logger) { logger_.store(logger); }
  void Log(LogLevel level, std::string_view message, const LogFields& fields) override {
    if (Logger* logger = logger_.load()) logger->Log(level, message, fields);
  }
  bool enabled(LogLevel level) const override {
    const Logger* logger = logger_.load();
    return logger != nullptr && logger->enabled(level);
  }

 private:
  std::atomic<Logger*> logger_{nullptr};
};

NodeSecrets::NodeSecrets()
    : logger_(std::make_unique<LateLogger>()),
      files_({.logger = logger_.get()}),
      waiter_(std::make_unique<secret::InterruptibleWaiter>()) {
  MakeResolver();
}

NodeSecrets::~NodeSecrets() { StopWatching(); }

void NodeSecrets::MakeResolver() {
  secret::SecretResolverParts parts;
  parts.environment = &environment_;
  parts.file = &files_;
  parts.vault = vault_.get();
  parts.clock = &clock_;
  parts.random = &random_;
  parts.logger = logger_.get();
  parts.on_change = [this](const std::set<std::string>&) {
    if (on_change_) on_change_();
  };
  resolver_ =
      std::make_unique<secret::SecretResolver>(secret::SecretResolverOptions{}, std::move(parts));
}

arrow::Status NodeSecrets::UseVault(const Settings& settings) {
  const auto text = [&](const char* name) { return settings.GetString(kSection, name); };
  if (text("address").empty()) return arrow::Status::OK();
  secret::VaultOptions options;
  options.address = text("address");
  options.vault_namespace = text("namespace");
  options.login = LoginOf(text("login"));
  options.token = {text("token"), text("token_file")};
  options.role = text("role");
  options.secret_id = {text("secret_id"), text("secret_id_file")};
  options.jwt_file = text("jwt_file");
  options.auth_mount = text("auth_mount");
  options.tls.ca_pem = text("ca_certificate");
  options.tls.certificate_file = text("client_certificate_file");
  options.tls.key_file = text("client_key_file");
  options.refresh = std::chrono::seconds(settings.GetInt(kSection, "refresh_sec"));
  options.deadline = std::chrono::seconds(settings.GetInt(kSection, "timeout_sec"));
  transport_ = secret::MakeNetworkTransport(options.tls);
  secret::VaultSurroundings surroundings;
  surroundings.transport = transport_.get();
  surroundings.waiter = waiter_.get();
  surroundings.clock = &clock_;
  surroundings.random = &random_;
  ARROW_ASSIGN_OR_RAISE(vault_, secret::VaultSecrets::Make(std::move(options), surroundings));
  MakeResolver();
  return arrow::Status::OK();
}

arrow::Result<std::string> NodeSecrets::Resolve(std::string_view text) {
  return resolver_->Resolve(text);
}

arrow::Result<std::string> NodeSecrets::ResolveFile(std::string_view text) {
  if (!text.starts_with('@')) return Resolve(text);
  std::error_code error;
  const auto path = std::filesystem::absolute(text.substr(1), error);
  if (error) return MakeError(ErrorCode::kBadArgument, "it names no file behind the @");
  return resolver_->Resolve("file:" + path.string());
}

void NodeSecrets::Watch(Logger* logger, std::function<void()> on_change) {
  logger_->Use(logger);
  on_change_ = std::move(on_change);
  resolver_->Start();
}

void NodeSecrets::Interrupt() { resolver_->Interrupt(); }

void NodeSecrets::StopWatching() {
  resolver_->Stop();
  logger_->Use(nullptr);
}

void NodeSecrets::MarkUnused() { resolver_->MarkUnused(); }

void NodeSecrets::ForgetUnused() { resolver_->ForgetUnused(); }

std::vector<std::string> NodeSecrets::problems() const {
  std::vector<std::string> problems;
  for (const secret::StaleSecret& stale : resolver_->status()) {
    problems.push_back("the secret " + stale.reference +
                       " could not be read again: " + stale.reason);
  }
  return problems;
}

arrow::Status NodeSecrets::Redacted(const arrow::Status& status) const {
  const auto redacted = Redact(status.message());
  return redacted ? status.WithMessage(*redacted) : status;
}

std::optional<std::string> NodeSecrets::Redact(std::string_view text) const {
  return resolver_->Redact(text);
}

}  // namespace longbow::server
