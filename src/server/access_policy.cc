#include "server/access_policy.h"

#include <string>
#include <utility>
#include <vector>

#include <longbow/error.h>

#include "access/anonymous_authenticator.h"
#include "access/certificate_authenticator.h"
#include "access/jwt_authenticator.h"
#include "access/jwt_keys.h"
#include "access/token_authenticator.h"
#include "config/check.h"

namespace longbow::server {
namespace {

using config::ToStrings;
using AuthenticatorPtr = std::shared_ptr<Authenticator>;

std::string TextOf(const Value& value) {
  return value.is_null() ? std::string() : value.as_string();
}

arrow::Result<AuthenticatorPtr> MakeTokens(const Settings& settings, const PolicyParts& parts) {
  access::TokenAuthenticator::Tokens tokens;
  for (const auto& [name, table] : settings.GetRepeated("auth.token")) {
    tokens.emplace(name, TextOf(table.at("token")));
  }
  if (tokens.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "auth.method is \"token\", and there is no [auth.token.NAME] with a token");
  }
  return access::TokenAuthenticator::Make(settings.GetString("auth", "header"), tokens,
                                          parts.random);
}

arrow::Result<AuthenticatorPtr> MakeJwt(const Settings& settings, const PolicyParts& parts) {
  using Kind = access::JwtKeySource::Kind;
  std::vector<access::JwtKeySource> sources;
  const auto add = [&](Kind kind, const char* name) {
    // A key that is set and empty is a mistake, and not left out.
    const Value& text = settings.Get("auth.jwt", name);
    if (text.is_null()) return;
    sources.push_back({kind, std::string("auth.jwt.") + name, text.as_string()});
  };
  add(Kind::kPem, "public_key");
  add(Kind::kJwks, "jwks");
  add(Kind::kSecret, "secret");
  if (sources.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "auth.method is \"jwt\", and [auth.jwt] has neither public_key nor jwks nor "
                     "secret");
  }
  ARROW_ASSIGN_OR_RAISE(auto keys, access::JwtKeys::Make(sources));
  for (const std::string& line : keys->skipped()) parts.logger->Info(line);
  access::JwtOptions options;
  options.header = settings.GetString("auth", "header");
  options.rules.issuers = ToStrings(settings.Get("auth.jwt", "issuers"));
  options.rules.audiences = ToStrings(settings.Get("auth.jwt", "audiences"));
  options.rules.require_exp = settings.GetBool("auth.jwt", "require_exp");
  options.rules.clock_skew_sec = settings.GetInt("auth.jwt", "clock_skew_sec");
  options.rules.principal_claim = settings.GetString("auth.jwt", "principal_claim");
  options.rules.claims = ToStrings(settings.Get("auth.jwt", "claims"));
  return access::JwtAuthenticator::Make(std::move(options), std::move(keys), parts.clock);
}

// With the certificate's identities beside the authenticator's own.
template <typename Made>
arrow::Result<AuthenticatorPtr> Combined(Made made) {
  ARROW_ASSIGN_OR_RAISE(AuthenticatorPtr authenticator, std::move(made));
  return std::make_shared<access::CombinedAuthenticator>(std::move(authenticator));
}

arrow::Result<AuthenticatorPtr> MakeAuthenticator(const Settings& settings,
                                                  const PolicyParts& parts) {
  const std::string method = settings.GetString("auth", "method");
  if (method == "token") return Combined(MakeTokens(settings, parts));
  if (method == "jwt") return Combined(MakeJwt(settings, parts));
  if (method == "certificate") {
    if (!settings.GetBool("server", "use_mtls")) {
      return MakeError(ErrorCode::kBadArgument,
                       "auth.method is \"certificate\", which needs server.use_mtls = true");
    }
    return std::make_shared<access::CertificateAuthenticator>();
  }
  if (method == "module") {
    if (parts.of_module == nullptr) {
      return MakeError(ErrorCode::kBadArgument,
                       "auth.method is \"module\", and no loaded module brings a verifier");
    }
    return Combined(arrow::Result<AuthenticatorPtr>(parts.of_module));
  }
  return std::make_shared<access::AnonymousAuthenticator>();
}

arrow::Result<access::AccessRules> MakeRules(const Settings& settings) {
  std::vector<access::AccessRule> rules;
  for (const auto& [name, table] : settings.GetRepeated("access.rule")) {
    access::AccessRule rule;
    rule.name = name;
    rule.principals = ToStrings(table.at("principals"));
    rule.services = ToStrings(table.at("services"));
    rule.actions = ToStrings(table.at("actions"));
    rule.read = ToStrings(table.at("read"));
    rule.write = ToStrings(table.at("write"));
    rule.raw_methods = table.at("raw_methods").as_bool();
    rule.all_tasks = table.at("all_tasks").as_bool();
    rules.push_back(std::move(rule));
  }
  if (rules.empty() && !CallersHaveNames(settings)) return access::AccessRules::AllowAll();
  return access::AccessRules::Make(std::move(rules));
}

}  // namespace

bool CallersHaveNames(const Settings& settings) {
  return settings.GetString("auth", "method") != "none";
}

arrow::Result<flight::GatePolicy> MakePolicy(const Settings& settings, const PolicyParts& parts) {
  flight::GatePolicy policy;
  ARROW_ASSIGN_OR_RAISE(policy.authenticator, MakeAuthenticator(settings, parts));
  ARROW_ASSIGN_OR_RAISE(auto rules, MakeRules(settings));
  policy.rules = std::make_shared<const access::AccessRules>(std::move(rules));
  return policy;
}

}  // namespace longbow::server
