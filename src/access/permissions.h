/// \file
/// What one caller may do.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::access {

struct Grant;

/// Made by `AccessRules`. Immutable and thread-safe; nothing blocks or allocates.
class Permissions {
 public:
  using Grants = std::vector<Grant>;
  using Parts = std::vector<std::string>;

  /// Everything, as if there were no rules.
  static std::shared_ptr<const Permissions> All();
  /// What these of `grants` give together; nothing where there are none.
  Permissions(std::shared_ptr<const Grants> grants, std::vector<const Grant*> mine);

  /// Whether there is nothing that it forbids: then nothing else has to be asked.
  bool allows_all() const { return allows_all_; }

  bool MayRun(std::string_view service) const;
  bool MayAct(std::string_view action) const;
  /// Of one path, in its parts.
  bool MayRead(const Parts& path) const;
  /// Writing does not imply reading.
  bool MayWrite(const Parts& path) const;
  /// Whether a list of what is below `prefix` could have a member that may be read: some path that
  /// may be read lies at, below or above it. Each member has still to be asked for with `MayRead`.
  bool MayReadAnythingBelow(const Parts& prefix) const;
  /// Whether calls may go to modules that answer Flight's methods themselves.
  bool MayUseRawMethods() const;
  /// Whether tasks of others may be seen and cancelled.
  bool MaySeeAllTasks() const;

 private:
  template <typename Question>
  bool Any(Question question) const;

  std::shared_ptr<const Grants> grants_;  // owns those of `mine_`
  std::vector<const Grant*> mine_;
  bool allows_all_ = false;
};

}  // namespace longbow::access
