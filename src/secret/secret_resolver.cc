#include "secret/secret_resolver.h"

#include <algorithm>
#include <utility>

#include <pthread.h>

#include <longbow/error.h>

namespace longbow::secret {
namespace {

// Up to a tenth less, so that many nodes do not read again in the same instant.
constexpr int kJitterPart = 10;

bool IsUnreachable(const arrow::Status& status) {
  const ErrorCode code = ErrorCodeOf(status);
  return code == ErrorCode::kNotReady || code == ErrorCode::kTimeout;
}

bool IsShutdown(const arrow::Status& status) {
  return ErrorCodeOf(status) == ErrorCode::kShuttingDown;
}

}  // namespace

SecretResolver::SecretResolver(SecretResolverOptions options, SecretResolverParts parts)
    : options_(options),
      parts_(std::move(parts)),
      redactor_(std::make_shared<const Redactor>(std::vector<std::string>())) {
  for (SecretSource* source : {parts_.environment, parts_.file, parts_.vault}) {
    if (source != nullptr) upkeeps_.push_back(Upkeep{source, 0, std::nullopt});
  }
}

SecretResolver::~SecretResolver() {
  // Others may still use the sources of one that was never started.
  if (thread_.joinable()) Stop();
}

void SecretResolver::Interrupt() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (const Upkeep& upkeep : upkeeps_) upkeep.source->Interrupt();
}

void SecretResolver::Stop() {
  Interrupt();
  if (thread_.joinable()) thread_.join();
}

void SecretResolver::Start() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "longbow-secret");
}

void SecretResolver::Run() {
  while (true) {
    const std::optional<MonotonicTime> next = RunDue();
    std::unique_lock lock(mutex_);
    const auto wanted = [this] { return stopping_ || woken_; };
    if (next) {
      wake_.wait_until(lock, *next, wanted);
    } else {
      wake_.wait(lock, wanted);
    }
    if (stopping_) return;
    woken_ = false;
  }
}

SecretSource* SecretResolver::SourceOf(SecretScheme scheme) const {
  switch (scheme) {
    case SecretScheme::kEnvironment:
      return parts_.environment;
    case SecretScheme::kFile:
      return parts_.file;
    case SecretScheme::kVault:
      return parts_.vault;
  }
  return nullptr;
}

arrow::Result<std::string> SecretResolver::Resolve(std::string_view text) {
  {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(text);
    if (found != entries_.end()) {
      found->second.used = true;
      return found->second.secret.value;
    }
  }
  ARROW_ASSIGN_OR_RAISE(std::optional<SecretReference> reference, ParseSecretReference(text));
  if (!reference) return std::string(LiteralValue(text));
  return Read(*reference);
}

arrow::Result<SecretValue> SecretResolver::Get(SecretSource* source,
                                               const SecretReference& reference) {
  arrow::Result<SecretValue> read = source->Get(reference);
  // Of many settings the empty text means "not set", which for a token or a rule is "everybody".
  if (read.ok() && read->value.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "the secret " + reference.shown() +
                         " is empty: give it a value, or leave out the setting that refers to it");
  }
  return read;
}

arrow::Result<std::string> SecretResolver::Read(const SecretReference& reference) {
  SecretSource* source = SourceOf(reference.scheme);
  if (source == nullptr) {
    return MakeError(ErrorCode::kBadArgument,
                     "the secret " + reference.shown() + " needs a source that is not set up",
                     "Set the address of Vault and a way to log in to it.");
  }
  {
    std::lock_guard lock(mutex_);
    if (entries_.size() >= options_.max_references) {
      return MakeError(ErrorCode::kResourceExhausted,
                       "the secret " + reference.shown() + " is one too many: there are " +
                           std::to_string(entries_.size()) + " references already");
    }
  }
  ARROW_ASSIGN_OR_RAISE(SecretValue value, Get(source, reference));
  std::lock_guard lock(mutex_);
  const auto [it, is_new] = entries_.try_emplace(reference.text);
  // Another thread may have been faster; what it read is what everybody has.
  if (is_new) {
    it->second.reference = reference;
    it->second.due = DueAfter(value);
    it->second.secret = value;
    RebuildRedactor();
    woken_ = true;
    wake_.notify_all();
  }
  it->second.used = true;
  return it->second.secret.value;
}

void SecretResolver::MarkUnused() {
  std::lock_guard lock(mutex_);
  for (auto& [text, entry] : entries_) entry.used = false;
}

void SecretResolver::ForgetUnused() {
  std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.used) {
      ++it;
      continue;
    }
    Retire(it->second.secret);
    it = entries_.erase(it);
  }
  RebuildRedactor();
}

std::optional<MonotonicTime> SecretResolver::DueAfter(const SecretValue& value) const {
  if (!value.refresh_after) return std::nullopt;
  const std::chrono::milliseconds after = *value.refresh_after;
  return parts_.clock->Now() + Between(after - after / kJitterPart, after, parts_.random);
}

std::vector<StaleSecret> SecretResolver::status() const {
  std::vector<StaleSecret> stale;
  std::lock_guard lock(mutex_);
  for (const auto& [text, entry] : entries_) {
    if (entry.failures > 0) stale.push_back({text, entry.stale_since, entry.reason});
  }
  return stale;
}

bool SecretResolver::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

std::shared_ptr<const Redactor> SecretResolver::redactor() const {
  std::lock_guard lock(redactor_mutex_);
  return redactor_;
}

std::optional<std::string> SecretResolver::Redact(std::string_view text) const {
  return redactor()->Redact(text);
}

void SecretResolver::Retire(const SecretValue& value) {
  // A file that is written to and fro must not push out the others.
  const auto same = [&](const SecretValue& other) { return other.value == value.value; };
  if (std::any_of(replaced_.begin(), replaced_.end(), same)) return;
  replaced_.push_back(value);
  if (replaced_.size() > options_.max_replaced) replaced_.pop_front();
}

void SecretResolver::RebuildRedactor() {
  std::vector<std::string> secrets;
  secrets.reserve(entries_.size() + replaced_.size());
  for (const auto& [text, entry] : entries_) secrets.push_back(entry.secret.value);
  for (const SecretValue& value : replaced_) secrets.push_back(value.value);
  auto next = std::make_shared<const Redactor>(std::move(secrets));
  std::lock_guard lock(redactor_mutex_);
  redactor_.swap(next);
}

std::optional<MonotonicTime> SecretResolver::RunDue() {
  std::lock_guard run_lock(run_mutex_);
  std::set<std::string> changed;
  std::set<SecretScheme> unreachable;
  for (const SecretReference& reference : DueReferences()) {
    // One reading that takes its whole deadline is enough for a turn: the others wait for the next.
    if (unreachable.count(reference.scheme) != 0) continue;
    const Outcome outcome = Refresh(reference);
    if (outcome == Outcome::kChanged) changed.insert(reference.text);
    if (outcome == Outcome::kUnreachable) unreachable.insert(reference.scheme);
    if (stopping()) return std::nullopt;
  }
  for (Upkeep& upkeep : upkeeps_) KeepUp(&upkeep);
  if (!changed.empty() && parts_.on_change) parts_.on_change(changed);
  return NextDue();
}

std::vector<SecretReference> SecretResolver::DueReferences() const {
  std::vector<SecretReference> due;
  const MonotonicTime now = parts_.clock->Now();
  std::lock_guard lock(mutex_);
  for (const auto& [text, entry] : entries_) {
    if (entry.due && *entry.due <= now) due.push_back(entry.reference);
  }
  std::stable_partition(due.begin(), due.end(), [](const SecretReference& reference) {
    return reference.scheme != SecretScheme::kVault;
  });
  return due;
}

SecretResolver::Outcome SecretResolver::Refresh(const SecretReference& reference) {
  SecretSource* source = SourceOf(reference.scheme);
  std::string version;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(reference.text);
    if (found == entries_.end()) return Outcome::kSame;
    if (found->second.failures == 0) version = found->second.secret.version;
  }
  if (!version.empty() && source->IsCurrent(reference, version)) {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(reference.text);
    if (found != entries_.end()) found->second.due = DueAfter(found->second.secret);
    return Outcome::kSame;
  }
  return Store(reference.text, Get(source, reference));
}

SecretResolver::Outcome SecretResolver::Store(const std::string& text,
                                              const arrow::Result<SecretValue>& read) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(text);
  if (found == entries_.end()) return Outcome::kSame;
  Entry& entry = found->second;
  if (!read.ok()) {
    TellFailure(&entry, read.status());
    return IsUnreachable(read.status()) ? Outcome::kUnreachable : Outcome::kFailed;
  }
  if (entry.failures > 0 && parts_.logger != nullptr) {
    parts_.logger->Info("a secret can be read again", {{"reference", text}});
  }
  entry.failures = 0;
  entry.reason.clear();
  entry.logged.reset();
  entry.due = DueAfter(*read);
  const bool is_new = read->value != entry.secret.value;
  if (is_new) Retire(entry.secret);
  Wipe(&entry.secret.value);
  entry.secret = *read;
  if (is_new) RebuildRedactor();
  return is_new ? Outcome::kChanged : Outcome::kSame;
}

void SecretResolver::TellFailure(Entry* entry, const arrow::Status& status) {
  if (IsShutdown(status)) return;
  if (entry->failures == 0) entry->stale_since = parts_.clock->WallNow();
  ++entry->failures;
  entry->reason = status.message();
  entry->due = parts_.clock->Now() + Backoff(options_.retry, entry->failures, parts_.random);
  if (!MayLog(&entry->logged)) return;
  parts_.logger->Warning("a secret cannot be read again: its old value stays in use",
                         {{"reference", entry->reference.text}, {"reason", entry->reason}});
}

bool SecretResolver::MayLog(std::optional<MonotonicTime>* logged) const {
  if (parts_.logger == nullptr) return false;
  const MonotonicTime now = parts_.clock->Now();
  if (*logged && now - **logged < options_.log_interval) return false;
  *logged = now;
  return true;
}

void SecretResolver::KeepUp(Upkeep* upkeep) {
  const std::optional<MonotonicTime> due = upkeep->source->upkeep_due();
  if (!due || *due > parts_.clock->Now()) return;
  const arrow::Status status = upkeep->source->Upkeep();
  if (status.ok()) {
    if (upkeep->failures > 0 && parts_.logger != nullptr) {
      parts_.logger->Info("the login to the source of secrets is kept up again");
    }
    upkeep->failures = 0;
    upkeep->logged.reset();
    return;
  }
  if (IsShutdown(status)) return;
  ++upkeep->failures;
  if (MayLog(&upkeep->logged)) {
    parts_.logger->Warning("the login to the source of secrets could not be kept up",
                           {{"reason", status.message()}});
  }
}

std::optional<MonotonicTime> SecretResolver::NextDue() const {
  std::optional<MonotonicTime> next;
  const auto take = [&next](const std::optional<MonotonicTime>& due) {
    if (due && (!next || *due < *next)) next = due;
  };
  for (const Upkeep& upkeep : upkeeps_) take(upkeep.source->upkeep_due());
  std::lock_guard lock(mutex_);
  for (const auto& [text, entry] : entries_) take(entry.due);
  return next;
}

}  // namespace longbow::secret
