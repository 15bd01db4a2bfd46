/// \file
/// Secrets in files: `file:/run/secrets/x`, and the credentials that a login reads from files.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

#include <longbow/log.h>

#include "secret/secret_source.h"

namespace longbow::secret {

/// Of one secret, wherever it comes from.
inline constexpr size_t kMaxSecretBytes = 1 << 20;

/// What was in a file, and how it stood.
struct SecretFile {
  std::string content;     ///< without one newline (or CR LF) at its end
  std::string version;     ///< changes with the file; empty while that is too young to be certain
  bool is_public = false;  ///< whether every user of the machine may read it

  ~SecretFile() { Wipe(&content); }
};

/// Reads a regular file, through symbolic links as Kubernetes mounts them. Thread-safe; blocks on
/// the disk only, not on a FIFO. Errors, which name the path: NOT_FOUND; PERMISSION_DENIED;
/// RESOURCE_EXHAUSTED beyond `kMaxSecretBytes`; BAD_ARGUMENT for what is no regular file, or an
/// empty one, which is most likely being written; NOT_READY for one that changes while it is read.
arrow::Result<SecretFile> ReadSecretFile(const std::string& path);

/// The file's version now, as in `SecretFile`; empty where it cannot be told.
std::string VersionOfFile(const std::string& path);

struct FileSecretsOptions {
  std::chrono::milliseconds poll_interval{1000};  ///< between looks at a file
  Logger* logger =
      nullptr;  ///< is told, once for each, of files that everybody may read; may be null
};

/// Blocks on the disk only.
class FileSecrets : public SecretSource {
 public:
  explicit FileSecrets(FileSecretsOptions options) : options_(options) {}

  /// Errors: those of `ReadSecretFile`, naming the reference.
  arrow::Result<SecretValue> Get(const SecretReference& reference) override;
  bool IsCurrent(const SecretReference& reference, const std::string& version) override;

 private:
  void WarnOfPublicFile(const SecretReference& reference);

  const FileSecretsOptions options_;
  std::mutex mutex_;
  std::set<std::string> warned_;
};

}  // namespace longbow::secret
