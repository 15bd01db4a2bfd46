#include "access/access_rules.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::access {
namespace {

using Parts = Permissions::Parts;

Principal Who(std::vector<std::string> identities) { return {"somebody", std::move(identities)}; }

AccessRules Rules(std::vector<AccessRule> rules) {
  auto made = AccessRules::Make(std::move(rules));
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  return *made;
}

AccessRule For(std::vector<std::string> principals) {
  AccessRule rule;
  rule.name = "rule";
  rule.principals = std::move(principals);
  rule.services = {"sql"};
  return rule;
}

TEST(AccessRules, WithoutRulesEverythingIsAllowed) {
  const AccessRules all = AccessRules::AllowAll();
  const auto permissions = all.For(Who({}));
  EXPECT_TRUE(permissions->allows_all());
  EXPECT_TRUE(permissions->MayRun("sql"));
  EXPECT_TRUE(permissions->MayAct("DeleteFlights"));
  EXPECT_TRUE(permissions->MayRead({"a"}));
  EXPECT_TRUE(permissions->MayWrite({"a"}));
  EXPECT_TRUE(permissions->MayReadAnythingBelow({}));
  EXPECT_TRUE(permissions->MayUseRawMethods());
  EXPECT_TRUE(permissions->MaySeeAllTasks());
  EXPECT_EQ(all.For(Who({"token:etl"})), permissions);
}

TEST(AccessRules, WithNoRuleForThemNothingIsAllowed) {
  for (const AccessRules& rules : {Rules({}), Rules({For({"token:other"})})}) {
    const auto permissions = rules.For(Who({"token:etl"}));
    EXPECT_FALSE(permissions->allows_all());
    EXPECT_FALSE(permissions->MayRun("sql"));
    EXPECT_FALSE(permissions->MayRun(""));
    EXPECT_FALSE(permissions->MayAct("HealthCheck"));
    EXPECT_FALSE(permissions->MayRead({"a"}));
    EXPECT_FALSE(permissions->MayRead({}));
    EXPECT_FALSE(permissions->MayWrite({"a"}));
    EXPECT_FALSE(permissions->MayReadAnythingBelow({}));
    EXPECT_FALSE(permissions->MayUseRawMethods());
    EXPECT_FALSE(permissions->MaySeeAllTasks());
  }
}

struct Match {
  const char* entry;
  std::vector<std::string> identities;
  bool matches;
};

TEST(AccessRules, FindsWhomTheyAreFor) {
  const std::vector<Match> table = {
      {"*", {}, true},
      {"*", {"anonymous"}, true},
      {"*", {"token:etl"}, true},
      {"anonymous", {"anonymous"}, true},
      {"anonymous", {"anonymous", "cert:cn=a"}, true},
      {"anonymous", {}, false},
      {"anonymous", {"token:anonymous"}, false},
      {"token:etl", {"token:etl"}, true},
      {"token:etl", {"token:etl2"}, false},
      {"token:etl", {"token:et"}, false},
      {"token:etl", {"Token:etl"}, false},
      {"token:etl", {"x-a:token:etl"}, false},
      {"token:etl", {"claim:sub=etl", "token:etl"}, true},
      {"token:*", {"token:etl"}, true},
      {"token:*", {"claim:sub=a"}, false},
      {"claim:groups=team-*", {"claim:groups=team-a"}, true},
      {"claim:groups=team-*", {"claim:groups=team-"}, true},
      {"claim:groups=team-*", {"claim:groups=tea"}, false},
      {"claim:groups=team-*", {"claim:roles=team-a"}, false},
      {"claim:groups=a", {"claim:groups=*"}, false},
      {"claim:groups=a=b", {"claim:groups=a=b"}, true},
      {"claim:realm_access.roles=x", {"claim:realm_access.roles=x"}, true},
      {"cert:cn=etl.example", {"cert:cn=etl.example"}, true},
      {"cert:cn=etl.example", {"cert:san=etl.example"}, false},
      {"cert:subject=CN=a,O=b*", {"cert:subject=CN=a,O=bc"}, true},
      {"cert:san=spiffe://example/*", {"cert:san=spiffe://example/etl"}, true},
      {"x-ldap:dn=cn=a", {"x-ldap:dn=cn=a"}, true},
      {"x-ldap:*", {"x-ldap:anything"}, true},
      {"x-ldap:*", {"x-ldap2:anything"}, false},
  };
  for (const Match& row : table) {
    const auto permissions = Rules({For({row.entry})}).For(Who(row.identities));
    EXPECT_EQ(permissions->MayRun("sql"), row.matches)
        << row.entry << (row.identities.empty() ? "" : " and " + row.identities[0]);
  }
  EXPECT_TRUE(Rules({For({"token:a", "token:b"})}).For(Who({"token:b"}))->MayRun("sql"));
}

struct Name {
  std::vector<std::string> entries;
  const char* name;
  bool allowed;
};

TEST(AccessRules, NamesAreWholeOrBegin) {
  const std::vector<Name> table = {
      {{}, "sql", false},          {{"sql"}, "sql", true},
      {{"sql"}, "sql2", false},    {{"sql"}, "sq", false},
      {{"sql"}, "SQL", false},     {{"sql"}, "", false},
      {{"sql*"}, "sql", true},     {{"sql*"}, "sql2", true},
      {{"sql*"}, "sq", false},     {{"*"}, "anything", true},
      {{"*"}, "", true},           {{"a", "b"}, "b", true},
      {{"a*", "b*"}, "bcd", true}, {{"a*", "b*"}, "cab", false},
  };
  for (const Name& row : table) {
    AccessRule rule = For({"*"});
    rule.services = row.entries;
    const auto by_service = Rules({rule}).For(Who({}));
    EXPECT_EQ(by_service->MayRun(row.name), row.allowed) << row.name;
    EXPECT_FALSE(by_service->MayAct(row.name));
    std::swap(rule.services, rule.actions);
    const auto by_action = Rules({rule}).For(Who({}));
    EXPECT_EQ(by_action->MayAct(row.name), row.allowed) << row.name;
    EXPECT_FALSE(by_action->MayRun(row.name));
  }
}

struct Path {
  std::vector<std::string> entries;
  Parts path;
  bool covered;
  bool something_below;
};

TEST(AccessRules, PathsAreCoveredInWholeParts) {
  const std::vector<Path> table = {
      {{}, {"a"}, false, false},
      {{"*"}, {"a"}, true, true},
      {{"*"}, {"a", "b"}, true, true},
      {{"*"}, {}, true, true},
      {{"reports/2026"}, {"reports", "2026"}, true, true},
      {{"reports/2026"}, {"reports", "2026", "q1"}, true, true},
      {{"reports/2026"}, {"reports", "2026b"}, false, false},
      {{"reports/2026"}, {"reports", "202"}, false, false},
      {{"reports/2026"}, {"reports"}, false, true},
      {{"reports/2026"}, {}, false, true},
      {{"reports/2026"}, {"Reports", "2026"}, false, false},
      {{"reports/2026"}, {"reports/2026"}, false, false},
      {{"reports/2026"}, {"reports", "2025"}, false, false},
      {{"reports/2026"}, {"x", "reports", "2026"}, false, false},
      {{"a", "b/c"}, {"b", "c", "d"}, true, true},
      {{"a", "b/c"}, {"b", "d"}, false, false},
  };
  for (const Path& row : table) {
    AccessRule rule = For({"*"});
    rule.read = row.entries;
    const auto reader = Rules({rule}).For(Who({}));
    EXPECT_EQ(reader->MayRead(row.path), row.covered);
    EXPECT_EQ(reader->MayReadAnythingBelow(row.path), row.something_below);
    EXPECT_FALSE(reader->MayWrite(row.path));
    std::swap(rule.read, rule.write);
    const auto writer = Rules({rule}).For(Who({}));
    EXPECT_EQ(writer->MayWrite(row.path), row.covered);
    EXPECT_FALSE(writer->MayRead(row.path)) << "writing does not imply reading";
    EXPECT_FALSE(writer->MayReadAnythingBelow(row.path));
  }
}

TEST(AccessRules, AddUp) {
  AccessRule first = For({"claim:groups=a"});
  first.name = "first";
  first.read = {"shared"};
  AccessRule second = For({"claim:groups=b"});
  second.name = "second";
  second.services = {"connector"};
  second.write = {"raw"};
  second.raw_methods = true;
  AccessRule third = For({"token:x"});
  third.name = "third";
  third.all_tasks = true;
  const AccessRules rules = Rules({first, second, third});
  const auto both = rules.For(Who({"claim:groups=b", "claim:groups=a"}));
  EXPECT_TRUE(both->MayRun("sql"));
  EXPECT_TRUE(both->MayRun("connector"));
  EXPECT_TRUE(both->MayRead({"shared", "x"}));
  EXPECT_TRUE(both->MayWrite({"raw"}));
  EXPECT_TRUE(both->MayUseRawMethods());
  EXPECT_FALSE(both->MaySeeAllTasks());
  const auto one = rules.For(Who({"claim:groups=a"}));
  EXPECT_FALSE(one->MayRun("connector"));
  EXPECT_FALSE(one->MayWrite({"raw"}));
  EXPECT_FALSE(one->MayUseRawMethods());
  EXPECT_TRUE(rules.For(Who({"token:x"}))->MaySeeAllTasks());
}

TEST(AccessRules, KnowWhenTheyForbidNothing) {
  AccessRule rule = For({"*"});
  rule.services = rule.actions = rule.read = {"*"};
  rule.raw_methods = rule.all_tasks = true;
  EXPECT_FALSE(Rules({rule}).For(Who({}))->allows_all()) << "writing is forbidden";
  AccessRule writes = For({"*"});
  writes.name = "writes";
  writes.write = {"*"};
  EXPECT_TRUE(Rules({rule, writes}).For(Who({}))->allows_all());
}

struct Wrong {
  const char* list;
  std::string entry;
  const char* told;
};

std::vector<std::string>* ListOf(AccessRule* rule, const std::string& list) {
  if (list == "principals") return &rule->principals;
  if (list == "services") return &rule->services;
  if (list == "actions") return &rule->actions;
  return list == "read" ? &rule->read : &rule->write;
}

TEST(AccessRules, RefuseWhatIsInNoKnownForm) {
  const std::string long_part(256, 'p');
  const std::vector<Wrong> table = {
      {"principals", "tokn:etl", "did you mean token?"},
      {"principals", "Token:etl", "token:NAME"},
      {"principals", "user:etl", "token:NAME, claim:NAME=VALUE, cert:cn=VALUE"},
      {"principals", "etl", "is of no kind"},
      {"principals", "Anonymous", "is of no kind"},
      {"principals", "anonymous*", "is of no kind"},
      {"principals", "token:", "has no value"},
      {"principals", "claim:", "has no value"},
      {"principals", "claim:groups", "NAME=VALUE"},
      {"principals", "claim:groups=", "NAME=VALUE"},
      {"principals", "claim:=x", "NAME=VALUE"},
      {"principals", "claim:*", "NAME=VALUE"},
      {"principals", "claim:a*=b", "not its end"},
      {"principals", "token:a*b", "not its end"},
      {"principals", "token:**", "not its end"},
      {"principals", "**", "not its end"},
      {"principals", "cert:etl", "NAME=VALUE"},
      {"principals", "cert:ou=x", "part of certificates"},
      {"principals", "cert:CN=x", "part of certificates"},
      {"principals", "x-:a", "unknown kind"},
      {"principals", "x-A:a", "unknown kind"},
      {"principals", "x-a:", "has no value"},
      {"principals", "", "is empty"},
      {"principals", "token:a\n", "control character"},
      {"principals", "token:\xff", "control character"},
      {"principals", "token:" + std::string(4096, 'x'), "too long"},
      {"services", "", "is empty"},
      {"services", "*sql", "not its end"},
      {"services", "s*l", "not its end"},
      {"services", "sql**", "not its end"},
      {"services", "my sql", "has a space"},
      {"actions", "a\tb", "control character"},
      {"actions", std::string(300, 'a'), "too long"},
      {"read", "", "write a path, or '*' for all paths"},
      {"write", "", "write a path, or '*' for all paths"},
      {"read", "/reports", "is no path"},
      {"read", "reports/", "is no path"},
      {"read", "a//b", "is no path"},
      {"read", "/", "is no path"},
      {"read", "reports/*", "below it"},
      {"read", "repo*", "below it"},
      {"write", "a\nb", "is no path"},
      {"write", "\xff", "is no path"},
      {"write", long_part, "is no path"},
  };
  for (const Wrong& row : table) {
    AccessRule rule = For({"*"});
    rule.name = "of etl";
    *ListOf(&rule, row.list) = {row.entry};
    const arrow::Status status = AccessRules::Make({rule}).status();
    ASSERT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << row.list << ": " << row.entry;
    EXPECT_NE(status.message().find("'of etl'"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(row.list), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(row.told), std::string::npos) << status.message();
    if (!row.entry.starts_with("\xff") && row.entry.size() < 64 && row.entry != "token:\xff") {
      EXPECT_NE(status.message().find("'" + row.entry + "'"), std::string::npos)
          << status.message();
    }
    EXPECT_LE(status.message().size(), 512u);
  }
}

TEST(AccessRules, RefuseRulesThatNobodyCanTellApart) {
  EXPECT_FALSE(AccessRules::Make({For({})}).ok());
  EXPECT_FALSE(AccessRules::Make({For({"*"}), For({"*"})}).ok());
  AccessRule nameless = For({"*"});
  nameless.name = "";
  EXPECT_FALSE(AccessRules::Make({nameless}).ok());
}

TEST(AccessRules, HaveLimits) {
  std::vector<AccessRule> many(AccessRules::kMaxRules + 1, For({"*"}));
  for (size_t i = 0; i < many.size(); ++i) many[i].name = "r" + std::to_string(i);
  EXPECT_EQ(ErrorCodeOf(AccessRules::Make(many).status()), ErrorCode::kBadArgument);
  many.pop_back();
  EXPECT_TRUE(AccessRules::Make(many).ok());
  AccessRule wide = For({"*"});
  wide.services.assign(AccessRules::kMaxEntries + 1, "sql");
  EXPECT_EQ(ErrorCodeOf(AccessRules::Make({wide}).status()), ErrorCode::kBadArgument);
}

TEST(AccessRules, RememberWhatTheyHaveWorkedOut) {
  const AccessRules rules = Rules({For({"token:a"})});
  const auto first = rules.For({"a", {"token:a"}});
  EXPECT_EQ(rules.For({"another name", {"token:a"}}), first) << "identities count, names do not";
  EXPECT_EQ(rules.cached_principals(), 1u);
  EXPECT_NE(rules.For(Who({"token:a", ""})), first);
  // No two lists look alike because of where one text ends.
  const auto joined = rules.For(Who({"token:atoken:b"}));
  EXPECT_FALSE(joined->MayRun("sql"));
  EXPECT_TRUE(rules.For(Who({"token:a", "token:b"}))->MayRun("sql"));
}

TEST(AccessRules, ForgetBeyondTheLimit) {
  const AccessRules rules = Rules({For({"token:*"})});
  const auto first = rules.For(Who({"token:first"}));
  for (size_t i = 0; i < AccessRules::kMaxCachedPrincipals; ++i) {
    EXPECT_TRUE(rules.For(Who({"token:" + std::to_string(i)}))->MayRun("sql"));
  }
  EXPECT_EQ(rules.cached_principals(), AccessRules::kMaxCachedPrincipals);
  EXPECT_NE(rules.For(Who({"token:first"})), first);
  EXPECT_TRUE(first->MayRun("sql")) << "who has it keeps it";
}

TEST(AccessRules, DoNotRememberTheHuge) {
  const AccessRules rules = Rules({For({"token:a"})});
  std::vector<std::string> huge(1000, std::string(100, 'x'));
  huge.emplace_back("token:a");
  EXPECT_TRUE(rules.For(Who(huge))->MayRun("sql"));
  EXPECT_EQ(rules.cached_principals(), 0u);
}

TEST(AccessRules, PermissionsOutliveThem) {
  std::shared_ptr<const Permissions> permissions;
  { permissions = Rules({For({"*"})}).For(Who({})); }
  EXPECT_TRUE(permissions->MayRun("sql"));
}

TEST(AccessRules, AnswerManyThreads) {
  const AccessRules rules = Rules({For({"token:a"})});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        if (!rules.For(Who({"token:a"}))->MayRun("sql")) ++wrong;
        if (rules.For(Who({"token:" + std::to_string(t * 2000 + i)}))->MayRun("sql")) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace longbow::access
