#include "access/access_rules.h"

#include <functional>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

#include <longbow/error.h>

#include "access/grant.h"
#include "access/identity.h"
#include "access/identity_pattern.h"
#include "access/lru_cache.h"
#include "base/utf8.h"

namespace longbow::access {
namespace {

constexpr size_t kMaxShownCharacters = 64;
// A module's principal can be of any size; one that is larger is worked out each time.
constexpr size_t kMaxCachedBytes = 16 * 1024;

using Identities = std::vector<std::string>;

struct HashOfIdentities {
  size_t operator()(const Identities& identities) const {
    size_t hash = identities.size();
    for (const std::string& identity : identities) {
      hash = hash * 31 + std::hash<std::string_view>()(identity);
    }
    return hash;
  }
};

std::string Quoted(std::string_view text) {
  const std::string shown = ReplaceInvalidUtf8(CutToBytes(text, 4 * kMaxShownCharacters));
  return "'" + std::string(CutToCharacters(shown, kMaxShownCharacters)) + "'";
}

// Feeds the entries of one list of `rule` to `add`, and says where it is that one is wrong.
template <typename Add>
arrow::Status AddAll(const AccessRule& rule, const char* list, const Identities& entries, Add add) {
  const std::string where = "The access rule " + Quoted(rule.name);
  if (entries.size() > AccessRules::kMaxEntries) {
    return MakeError(ErrorCode::kBadArgument, where + " has more than " +
                                                  std::to_string(AccessRules::kMaxEntries) +
                                                  " entries in " + list + ": use prefixes");
  }
  for (const std::string& entry : entries) {
    const arrow::Status added = add(entry);
    if (!added.ok()) {
      return MakeError(ErrorCode::kBadArgument, where + " cannot be used: " + Quoted(entry) +
                                                    " in " + list + " " + added.message());
    }
  }
  return arrow::Status::OK();
}

arrow::Result<Grant> MakeGrant(const AccessRule& rule) {
  Grant grant;
  ARROW_RETURN_NOT_OK(AddAll(rule, "services", rule.services,
                             [&](const std::string& e) { return grant.services.Add(e); }));
  ARROW_RETURN_NOT_OK(AddAll(rule, "actions", rule.actions,
                             [&](const std::string& e) { return grant.actions.Add(e); }));
  ARROW_RETURN_NOT_OK(
      AddAll(rule, "read", rule.read, [&](const std::string& e) { return grant.read.Add(e); }));
  ARROW_RETURN_NOT_OK(
      AddAll(rule, "write", rule.write, [&](const std::string& e) { return grant.write.Add(e); }));
  grant.raw_methods = rule.raw_methods;
  grant.all_tasks = rule.all_tasks;
  return grant;
}

arrow::Result<std::vector<IdentityPattern>> MakePatterns(const AccessRule& rule) {
  if (rule.principals.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "The access rule " + Quoted(rule.name) +
                         " is for nobody: name its principals, or '*' for everybody");
  }
  std::vector<IdentityPattern> patterns;
  const auto add = [&](const std::string& entry) {
    return IdentityPattern::Parse(entry).Map([&](IdentityPattern pattern) {
      patterns.push_back(std::move(pattern));
      return arrow::Status::OK();
    });
  };
  ARROW_RETURN_NOT_OK(AddAll(rule, "principals", rule.principals, add));
  return patterns;
}

}  // namespace

struct AccessRules::State {
  // Null where there are no rules.
  std::shared_ptr<const Permissions> all;
  // For the rule of the same place in `grants`.
  std::vector<std::vector<IdentityPattern>> patterns;
  std::shared_ptr<const Permissions::Grants> grants;

  std::mutex mutex;
  LruCache<Identities, std::shared_ptr<const Permissions>, HashOfIdentities> cache{
      kMaxCachedPrincipals};
};

AccessRules::AccessRules(std::shared_ptr<State> state) : state_(std::move(state)) {}

AccessRules AccessRules::AllowAll() {
  auto state = std::make_shared<State>();
  state->all = Permissions::All();
  return AccessRules(std::move(state));
}

arrow::Result<AccessRules> AccessRules::Make(std::vector<AccessRule> rules) {
  if (rules.size() > kMaxRules) {
    return MakeError(ErrorCode::kBadArgument, "There are " + std::to_string(rules.size()) +
                                                  " access rules; at most " +
                                                  std::to_string(kMaxRules) + " are allowed");
  }
  auto state = std::make_shared<State>();
  auto grants = std::make_shared<Permissions::Grants>();
  grants->reserve(rules.size());
  std::set<std::string_view> names;
  for (const AccessRule& rule : rules) {
    if (rule.name.empty() || !names.insert(rule.name).second) {
      return MakeError(ErrorCode::kBadArgument,
                       "Each access rule needs a name of its own: " + Quoted(rule.name) +
                           (rule.name.empty() ? " is none" : " is there twice"));
    }
    ARROW_ASSIGN_OR_RAISE(auto patterns, MakePatterns(rule));
    ARROW_ASSIGN_OR_RAISE(Grant grant, MakeGrant(rule));
    state->patterns.push_back(std::move(patterns));
    grants->push_back(std::move(grant));
  }
  state->grants = std::move(grants);
  return AccessRules(std::move(state));
}

std::shared_ptr<const Permissions> AccessRules::For(const Principal& principal) const {
  State& state = *state_;
  if (state.all != nullptr) return state.all;
  {
    std::lock_guard lock(state.mutex);
    if (const auto* known = state.cache.Find(principal.identities)) return *known;
  }
  std::vector<const Grant*> mine;
  for (size_t i = 0; i < state.patterns.size(); ++i) {
    for (const IdentityPattern& pattern : state.patterns[i]) {
      if (!pattern.Matches(principal)) continue;
      mine.push_back(&(*state.grants)[i]);
      break;
    }
  }
  auto made = std::make_shared<const Permissions>(state.grants, std::move(mine));
  size_t bytes = 0;
  for (const std::string& identity : principal.identities)
    bytes += sizeof(std::string) + identity.size();
  if (bytes <= kMaxCachedBytes) {
    std::lock_guard lock(state.mutex);
    state.cache.Put(principal.identities, made);
  }
  return made;
}

size_t AccessRules::cached_principals() const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.size();
}

}  // namespace longbow::access
