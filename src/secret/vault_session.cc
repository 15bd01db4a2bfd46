#include "secret/vault_session.h"

#include <algorithm>
#include <utility>

#include <longbow/error.h>

#include "secret/file_secrets.h"

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMinUpkeepInterval{1000};
constexpr BackoffLimits kUpkeepBackoff{milliseconds(1000), milliseconds(30'000)};

std::string MountOf(const VaultOptions& options) {
  if (!options.auth_mount.empty()) return options.auth_mount;
  return options.login == VaultLogin::kAppRole ? "approle" : "kubernetes";
}

arrow::Result<std::string> Read(const Credential& credential) {
  if (!credential.value.empty() || credential.file.empty()) return credential.value;
  ARROW_ASSIGN_OR_RAISE(SecretFile file, ReadSecretFile(credential.file));
  return file.content;
}

/// Refused logins are one kind of error, whichever status the method has for them.
arrow::Status RefusedLogin(const arrow::Status& status) {
  const ErrorCode code = ErrorCodeOf(status);
  if (code != ErrorCode::kBadArgument && code != ErrorCode::kPermissionDenied) return status;
  return MakeError(ErrorCode::kUnauthenticated, status.message(),
                   "Check the role and its credential, and the namespace.");
}

}  // namespace

/// The right to talk to Vault about the token.
class VaultSession::Turn {
 public:
  Turn(VaultSession* session, MonotonicTime deadline) : session_(session) {
    // By the machine's clock: a fake one would not wake this thread.
    const auto left = deadline - session->surroundings_.clock->Now();
    std::unique_lock lock(session->mutex_);
    has_it_ = session->turn_over_.wait_for(lock, left, [session] { return !session->is_busy_; });
    if (has_it_) session->is_busy_ = true;
  }
  ~Turn() {
    if (!has_it_) return;
    std::lock_guard lock(session_->mutex_);
    session_->is_busy_ = false;
    session_->turn_over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  arrow::Status status() const {
    if (has_it_) return arrow::Status::OK();
    return MakeError(ErrorCode::kTimeout, "Vault: the login that runs already takes too long");
  }

 private:
  VaultSession* const session_;
  bool has_it_ = false;
};

VaultSession::VaultSession(const VaultOptions* options, const VaultChannel* channel,
                           VaultSurroundings surroundings)
    : options_(options), channel_(channel), surroundings_(surroundings) {}

VaultSession::~VaultSession() { Wipe(&state_.token); }

std::optional<std::string> VaultSession::ValidToken() const {
  std::lock_guard lock(mutex_);
  if (state_.token.empty()) return std::nullopt;
  if (state_.ends && surroundings_.clock->Now() >= *state_.ends) return std::nullopt;
  return state_.token;
}

arrow::Result<std::string> VaultSession::Token(MonotonicTime deadline) {
  if (std::optional<std::string> token = ValidToken()) return *token;
  const Turn turn(this, deadline);
  ARROW_RETURN_NOT_OK(turn.status());
  if (std::optional<std::string> token = ValidToken()) return *token;
  ARROW_RETURN_NOT_OK(LogIn(deadline));
  std::lock_guard lock(mutex_);
  return state_.token;
}

arrow::Result<std::string> VaultSession::Replace(const std::string& refused,
                                                 MonotonicTime deadline) {
  const Turn turn(this, deadline);
  ARROW_RETURN_NOT_OK(turn.status());
  if (!may_change()) return refused;
  std::optional<std::string> token = ValidToken();
  if (token && *token != refused) return *token;
  if (!can_log_in()) {
    ARROW_ASSIGN_OR_RAISE(std::string current, Read(options_->token));
    if (current == refused) return refused;
  }
  ARROW_RETURN_NOT_OK(LogIn(deadline));
  std::lock_guard lock(mutex_);
  return state_.token;
}

std::optional<MonotonicTime> VaultSession::upkeep_due() const {
  std::lock_guard lock(mutex_);
  return state_.due;
}

arrow::Status VaultSession::Upkeep(MonotonicTime deadline) {
  const Turn turn(this, deadline);
  ARROW_RETURN_NOT_OK(turn.status());
  bool needs_login = true;
  arrow::Status status;
  if (ValidToken() && state_.is_renewable) status = Renew(deadline, &needs_login);
  if (needs_login) {
    const arrow::Status login = LogIn(deadline);
    // A refused renewal is no error of its own where a login mends it.
    if (can_log_in() || !login.ok()) status = login;
  }
  if (!status.ok()) {
    std::lock_guard lock(mutex_);
    ++state_.failures;
    state_.due =
        surroundings_.clock->Now() + Backoff(kUpkeepBackoff, state_.failures, surroundings_.random);
  }
  return status;
}

arrow::Status VaultSession::Renew(MonotonicTime deadline, bool* needs_login) {
  VaultCall call;
  call.what = "the renewal of its token";
  call.method = "POST";
  call.path = "auth/token/renew-self";
  call.token = *ValidToken();
  call.body = "{}";
  call.deadline = deadline;
  const MonotonicTime asked = surroundings_.clock->Now();
  *needs_login = false;
  arrow::Result<VaultReply> reply = channel_->Send(call);
  arrow::Result<VaultToken> renewed =
      !reply.ok() ? arrow::Result<VaultToken>(reply.status())
      : reply->status != 200
          ? arrow::Result<VaultToken>(channel_->ErrorOf(call, reply->status, reply->body))
          : ParseLogin(reply->body);
  Wipe(&call.token);
  if (!renewed.ok()) {
    const ErrorCode code = ErrorCodeOf(renewed.status());
    const bool is_unreachable = code == ErrorCode::kNotReady || code == ErrorCode::kTimeout ||
                                code == ErrorCode::kShuttingDown;
    *needs_login = !is_unreachable;
    return renewed.status();
  }
  *needs_login = can_log_in() && renewed->ttl.count() > 0 && renewed->ttl * 2 < state_.first_ttl;
  Adopt(*renewed, asked, /*is_new=*/false);
  Wipe(&renewed->token);
  return arrow::Status::OK();
}

arrow::Status VaultSession::LogIn(MonotonicTime deadline) {
  const MonotonicTime asked = surroundings_.clock->Now();
  ARROW_ASSIGN_OR_RAISE(VaultToken token, AskForToken(deadline));
  Adopt(token, asked, /*is_new=*/true);
  Wipe(&token.token);
  return arrow::Status::OK();
}

arrow::Result<VaultToken> VaultSession::AskForToken(MonotonicTime deadline) const {
  VaultCall call;
  call.what = "the login";
  call.method = "POST";
  call.path = "auth/" + PercentEncodeSegments(MountOf(*options_)) + "/login";
  call.deadline = deadline;
  std::string credential;
  if (options_->login == VaultLogin::kToken) {
    ARROW_ASSIGN_OR_RAISE(credential, Read(options_->token));
    return LookUp(credential, deadline);
  }
  if (options_->login == VaultLogin::kAppRole) {
    ARROW_ASSIGN_OR_RAISE(credential, Read(options_->secret_id));
    call.body = credential.empty()
                    ? MakeJsonObject({{"role_id", &options_->role}})
                    : MakeJsonObject({{"role_id", &options_->role}, {"secret_id", &credential}});
  } else {
    ARROW_ASSIGN_OR_RAISE(credential, Read(Credential{"", options_->jwt_file}));
    call.body = MakeJsonObject({{"role", &options_->role}, {"jwt", &credential}});
  }
  call.secrets = {options_->role, credential};
  arrow::Result<VaultReply> reply = channel_->Send(call);
  arrow::Result<VaultToken> token = !reply.ok() ? arrow::Result<VaultToken>(reply.status())
                                    : reply->status != 200
                                        ? arrow::Result<VaultToken>(RefusedLogin(
                                              channel_->ErrorOf(call, reply->status, reply->body)))
                                        : ParseLogin(reply->body);
  Wipe(&call.body);
  Wipe(&credential);
  for (std::string& secret : call.secrets) Wipe(&secret);
  return token;
}

arrow::Result<VaultToken> VaultSession::LookUp(const std::string& token,
                                               MonotonicTime deadline) const {
  if (token.empty() ||
      !std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; })) {
    return MakeError(ErrorCode::kBadArgument, "Vault: the token has characters that no token has",
                     "Is it the token alone, in one line?");
  }
  VaultCall call;
  call.what = "the look-up of its token";
  call.method = "GET";
  call.path = "auth/token/lookup-self";
  call.token = token;
  call.deadline = deadline;
  ARROW_ASSIGN_OR_RAISE(VaultReply reply, channel_->Send(call));
  // The token's policies may not allow that. Then the readings show whether it is good.
  if (reply.status == 403) return VaultToken{token, std::chrono::seconds(0), false};
  if (reply.status != 200) return channel_->ErrorOf(call, reply.status, reply.body);
  ARROW_ASSIGN_OR_RAISE(VaultToken found, ParseLookup(reply.body));
  found.token = token;
  Wipe(&call.token);
  return found;
}

void VaultSession::Adopt(const VaultToken& token, MonotonicTime asked, bool is_new) {
  std::lock_guard lock(mutex_);
  Wipe(&state_.token);
  state_.token = token.token;
  state_.is_renewable = token.is_renewable;
  state_.failures = 0;
  if (is_new) state_.first_ttl = token.ttl;
  if (token.ttl.count() == 0) {
    state_.ends.reset();
    state_.due.reset();
    return;
  }
  // From when it was asked for: Vault has counted since some time after.
  state_.ends = asked + token.ttl;
  state_.due.reset();
  if (token.is_renewable || may_change()) {
    const milliseconds ttl = token.ttl;
    state_.due =
        asked + std::max(kMinUpkeepInterval, Between(ttl / 2, ttl * 2 / 3, surroundings_.random));
  }
}

}  // namespace longbow::secret
