#include "access/permissions.h"

#include <algorithm>
#include <utility>

#include "access/grant.h"

namespace longbow::access {

template <typename Question>
bool Permissions::Any(Question question) const {
  return allows_all_ || std::any_of(mine_.begin(), mine_.end(),
                                    [&](const Grant* grant) { return question(*grant); });
}

Permissions::Permissions(std::shared_ptr<const Grants> grants, std::vector<const Grant*> mine)
    : grants_(std::move(grants)), mine_(std::move(mine)) {
  allows_all_ = Any([](const Grant& g) { return g.services.all(); }) &&
                Any([](const Grant& g) { return g.actions.all(); }) &&
                Any([](const Grant& g) { return g.read.all(); }) &&
                Any([](const Grant& g) { return g.write.all(); }) && MayUseRawMethods() &&
                MaySeeAllTasks();
}

std::shared_ptr<const Permissions> Permissions::All() {
  auto all = std::make_shared<Permissions>(nullptr, std::vector<const Grant*>());
  all->allows_all_ = true;
  return all;
}

bool Permissions::MayRun(std::string_view service) const {
  return Any([&](const Grant& g) { return g.services.Matches(service); });
}

bool Permissions::MayAct(std::string_view action) const {
  return Any([&](const Grant& g) { return g.actions.Matches(action); });
}

bool Permissions::MayRead(const Parts& path) const {
  return Any([&](const Grant& g) { return g.read.Cover(path); });
}

bool Permissions::MayWrite(const Parts& path) const {
  return Any([&](const Grant& g) { return g.write.Cover(path); });
}

bool Permissions::MayReadAnythingBelow(const Parts& prefix) const {
  return Any([&](const Grant& g) { return g.read.CoverSomeBelow(prefix); });
}

bool Permissions::MayUseRawMethods() const {
  return Any([](const Grant& g) { return g.raw_methods; });
}

bool Permissions::MaySeeAllTasks() const {
  return Any([](const Grant& g) { return g.all_tasks; });
}

}  // namespace longbow::access
