/// \file
/// References in settings to the secrets that they mean, kept fresh.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/random.h"
#include "secret/backoff.h"
#include "secret/redactor.h"
#include "secret/secret_source.h"

namespace longbow::secret {

struct SecretResolverOptions {
  /// Before a reading or an upkeep that failed is tried again.
  BackoffLimits retry{std::chrono::milliseconds(1'000), std::chrono::milliseconds(60'000)};
  /// Between log lines about one reference that keeps failing.
  std::chrono::milliseconds log_interval{60'000};
  size_t max_references = 10'000;  ///< more are refused: RESOURCE_EXHAUSTED
  size_t max_replaced = 256;       ///< values not in use any more that are still redacted
};

/// What a resolver uses. All outlive it.
struct SecretResolverParts {
  SecretSource* environment = nullptr;
  SecretSource* file = nullptr;
  SecretSource* vault = nullptr;  ///< null where Vault is not set up
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Logger* logger = nullptr;  ///< may be null
  /// Is told which references have a new value, with no lock held, on the thread that found out.
  /// `Resolve` gives the new values. May be empty. Must not throw.
  std::function<void(const std::set<std::string>&)> on_change;
};

/// A secret that could not be read again: its old value is in use.
struct StaleSecret {
  std::string reference;
  WallTime since;      ///< the first of the failures in a row
  std::string reason;  ///< the last one, without values
};

/// Remembers each reference that was resolved, and reads it again when its source says so: a file
/// that has changed, a lease that has ended. A reading that fails keeps the old value and is tried
/// again. Values that were replaced or forgotten are still redacted, the newest of them: what was
/// told of them may use them for as long as it lives.
///
/// Thread-safe. After `Start`, one thread does the reading again, files first. A Vault out of reach
/// holds it up by one reading's and one upkeep's deadline a turn, however many references wait for
/// it; a changed file is seen after its poll interval and that.
class SecretResolver {
 public:
  SecretResolver(SecretResolverOptions options, SecretResolverParts parts);
  /// Stops, if it was started.
  ~SecretResolver();
  SecretResolver(const SecretResolver&) = delete;
  SecretResolver& operator=(const SecretResolver&) = delete;

  /// Starts the thread. Call once.
  void Start();
  /// For a stop: nothing is read again any more, and a reading that is under way returns soon, with
  /// an error. Does not wait for it. Idempotent; from any thread.
  void Interrupt();
  /// Interrupts, and waits for the thread. What was resolved is still known, and redacted.
  /// Idempotent; for one thread.
  void Stop();

  /// What `text` means: the secret of a reference, or the text itself (see `LiteralValue`). Blocks,
  /// up to the source's bound, for a reference that was not resolved before. Errors: BAD_ARGUMENT
  /// for a reference that is not well-formed, to a Vault that is not set up, or to an empty text;
  /// the source's. All name the reference.
  arrow::Result<std::string> Resolve(std::string_view text);

  /// Counts each reference as unused until it is resolved again.
  void MarkUnused();
  /// Forgets each reference that was not resolved since `MarkUnused`: it is not read again, and not
  /// stale.
  void ForgetUnused();

  /// For health: what is stale, in the order of the references.
  std::vector<StaleSecret> status() const;

  /// `text` with every resolved secret in it replaced (see `Redactor`); empty: there is none in it.
  std::optional<std::string> Redact(std::string_view text) const;

  /// Does what is due, and tells when there is something next; nothing where never. What the thread
  /// calls; a test calls it instead of `Start`. Blocks as the sources do.
  std::optional<MonotonicTime> RunDue();

 private:
  struct Entry {
    SecretReference reference;
    SecretValue secret;
    std::optional<MonotonicTime> due;
    int failures = 0;
    WallTime stale_since;
    std::string reason;
    std::optional<MonotonicTime> logged;
    bool used = true;  // since `MarkUnused`
  };
  /// A source's upkeep.
  struct Upkeep {
    SecretSource* source;
    int failures = 0;
    std::optional<MonotonicTime> logged;
  };

  void Run();
  SecretSource* SourceOf(SecretScheme scheme) const;
  /// What the source has; an empty text is an error.
  static arrow::Result<SecretValue> Get(SecretSource* source, const SecretReference& reference);
  arrow::Result<std::string> Read(const SecretReference& reference);
  std::optional<MonotonicTime> DueAfter(const SecretValue& value) const;
  /// The references that are due, those that do not block first.
  std::vector<SecretReference> DueReferences() const;
  enum class Outcome { kSame, kChanged, kFailed, kUnreachable };
  /// Reads one again, unless it was forgotten meanwhile.
  Outcome Refresh(const SecretReference& reference);
  Outcome Store(const std::string& text, const arrow::Result<SecretValue>& read);
  void TellFailure(Entry* entry, const arrow::Status& status);
  /// Whether no line about it was written lately; counts this one.
  bool MayLog(std::optional<MonotonicTime>* logged) const;
  void KeepUp(Upkeep* upkeep);
  bool stopping() const;
  std::optional<MonotonicTime> NextDue() const;
  /// The value is not current any more. With the lock held.
  void Retire(const SecretValue& value);
  /// Makes a new redactor of the current values and the retired ones. With the lock held.
  void RebuildRedactor();
  std::shared_ptr<const Redactor> redactor() const;

  const SecretResolverOptions options_;
  const SecretResolverParts parts_;
  std::vector<Upkeep> upkeeps_;  // only RunDue changes them
  std::mutex run_mutex_;         // one RunDue at a time

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool woken_ = false;
  std::map<std::string, Entry, std::less<>> entries_;  // by the reference's text
  std::deque<SecretValue> replaced_;                   // newest last

  mutable std::mutex redactor_mutex_;  // last in the order of locks
  std::shared_ptr<const Redactor> redactor_;
  std::thread thread_;
};

}  // namespace longbow::secret
