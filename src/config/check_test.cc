#include "config/check.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/core_sections.h"
#include "config/declarations.h"
#include "config/environment.h"

namespace longbow::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The server's sections, and those of a made-up module.
std::vector<SettingsSection> Sections() {
  std::vector<SettingsSection> sections = CoreSections();
  SettingsSection storage{.name = "storage", .summary = "A store."};
  storage.settings.push_back({.name = "max_bytes",
                              .type = SettingType::kBytes,
                              .default_value = "1GiB",
                              .summary = "A limit.",
                              .unit = "bytes",
                              .min = 1024});
  SettingsSection source{.name = "connector.source", .summary = "A source.", .repeated = true};
  source.settings.push_back({.name = "type",
                             .summary = "Its type.",
                             .choices = {"files", "postgres", "sqlite"},
                             .required = true});
  source.settings.push_back({.name = "path", .default_value = "", .summary = "Its path."});
  source.settings.push_back({.name = "password", .summary = "Its password.", .secret = true});
  source.settings.push_back(
      {.name = "retries", .type = SettingType::kInt, .default_value = 3, .summary = "A count."});
  sections.push_back(std::move(storage));
  sections.push_back(std::move(source));
  return sections;
}

struct Outcome {
  CheckedSettings checked;
  std::string problems;  // one a line
};

Outcome Check(std::string_view toml, const std::map<std::string, std::string>& environment = {}) {
  const auto sections = Sections();
  EXPECT_TRUE(CheckDeclarations(sections).ok());
  std::vector<Problem> problems;
  Node document = ParseToml(toml, "longbow.toml", &problems);
  ApplyEnvironment(environment, sections, &document, &problems);
  Outcome outcome{CheckSettings(document, sections), {}};
  problems.insert(problems.end(), outcome.checked.problems.begin(), outcome.checked.problems.end());
  if (!problems.empty()) outcome.problems = ProblemsToStatus(problems).message();
  return outcome;
}

TEST(CheckSettingsTest, EverythingHasItsDefault) {
  Outcome outcome = Check("");
  EXPECT_EQ(outcome.problems, "");
  const Settings& settings = outcome.checked.settings;
  EXPECT_EQ(settings.GetInt("server", "listen_port"), 17001);
  EXPECT_EQ(settings.GetString("server", "listen_host"), "127.0.0.1");
  EXPECT_FALSE(settings.GetBool("server", "use_tls"));
  EXPECT_TRUE(settings.Get("server", "node_id").is_null());
  EXPECT_EQ(settings.GetInt("storage", "max_bytes"), int64_t{1} << 30);
  EXPECT_THAT(settings.GetRepeated("connector.source"), IsEmpty());
}

TEST(CheckSettingsTest, TakesWhatIsWritten) {
  Outcome outcome = Check(R"(
[server]
listen_port = 0
use_tls = true
shutdown_grace_sec = 2
modules = ["sql"]
[storage]
max_bytes = "512MB"
[connector.source.nyc]
type = "files"
path = "/data"
[connector.source."New York"]
type = "sqlite"
retries = 9
)");
  EXPECT_EQ(outcome.problems, "");
  const Settings& settings = outcome.checked.settings;
  EXPECT_EQ(settings.GetInt("server", "listen_port"), 0);
  EXPECT_TRUE(settings.GetBool("server", "use_tls"));
  EXPECT_EQ(settings.Get("server", "shutdown_grace_sec"), Value(2.0));
  EXPECT_EQ(settings.Get("server", "modules"), Value(Value::List{"sql"}));
  EXPECT_EQ(settings.GetInt("storage", "max_bytes"), 512'000'000);
  const auto& sources = settings.GetRepeated("connector.source");
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources.at("nyc").at("path"), Value("/data"));
  EXPECT_EQ(sources.at("nyc").at("retries"), Value(3));
  EXPECT_EQ(sources.at("New York").at("retries"), Value(9));
  EXPECT_TRUE(sources.at("nyc").at("password").is_null());
}

TEST(CheckSettingsTest, NamesPlaceKeyAndRemedy) {
  struct Case {
    const char* toml;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"[server]\nlisten_prot = 1",
            "longbow.toml:2: server.listen_prot is not a setting; did you mean listen_port?"},
           {"[server]\nlisten_port = 70000",
            "longbow.toml:2: server.listen_port is 70000; it must be from 0 to 65535"},
           {"[server]\nlisten_port = \"abc\"",
            "longbow.toml:2: server.listen_port is a string (\"abc\"); it must be an integer"},
           {"[server]\nlisten_port = 17001.5",
            "longbow.toml:2: server.listen_port is a number (17001.5); it must be an integer"},
           {"[server]\nlisten_port = 2026-01-01",
            "longbow.toml:2: server.listen_port is a date or time; it must be an integer"},
           {"[server]\nuse_tls = 1",
            "longbow.toml:2: server.use_tls is an integer (1); it must be true or false"},
           {"[server]\nmodules = \"sql\"",
            "longbow.toml:2: server.modules is a string (\"sql\"); it must be a list of strings"},
           {"[server]\nmodules = [1]",
            "longbow.toml:2: server.modules has an item that is no string"},
           {"[server]\nmax_wait_sec = 0",
            "longbow.toml:2: server.max_wait_sec is 0 s; it must be from 1 s to 86400 s"},
           {"[log]\nlevel = \"wanring\"",
            "longbow.toml:2: log.level is \"wanring\"; it must be \"debug\", \"info\", "
            "\"warning\" or \"error\"; did you mean \"warning\"?"},
           {"[server.listen_port]\nx = 1",
            "longbow.toml:1: server.listen_port is a table; it must be an integer"},
           {"[sever]\nlisten_port = 1",
            "longbow.toml:1: [sever] is not a section of the server or of a loaded module; did you "
            "mean server?"},
           {"[weather]\nx = 1",
            "[weather] is not a section of the server or of a loaded module; there are [server], "
            "[auth], [auth.token.NAME], [auth.jwt], [access.rule.NAME], [vault], [http], [log], "
            "[trace], [storage], [connector.source.NAME]"},
           {"listen_port = 1",
            "longbow.toml:1: listen_port is not a setting; it belongs under "
            "[server]"},
           {"[server]\nmax_bytes = 1",
            "longbow.toml:2: server.max_bytes is not a setting; it belongs under [storage]"},
           {"[storage]\nmax_bytes = \"12 parsecs\"",
            "longbow.toml:2: storage.max_bytes is wrong: \"12 parsecs\" is not a size"},
           {"[storage]\nmax_bytes = -5", "longbow.toml:2: storage.max_bytes is negative"},
           {"[storage]\nmax_bytes = 10",
            "longbow.toml:2: storage.max_bytes is 10B; it must be at least 1KiB"},
           {"[connector]\nsource = 5", "longbow.toml:2: connector.source"},
           {"[connector.source]\nnyc = 5",
            "longbow.toml:2: connector.source.nyc is a value; it must be a table: "
            "[connector.source.nyc]"},
           {"[connector.source.nyc]\npath = \"\"",
            "longbow.toml:1: connector.source.nyc.type is missing; it must be a string, \"files\""},
           {"[connector.source.nyc]\ntype = \"files\"\nptah = \"\"",
            "longbow.toml:3: connector.source.nyc.ptah is not a setting; did you mean path?"},
           {"[[server]]\nx = 1", "longbow.toml:1: server"},
           {"[server\n", "longbow.toml:1: this is not TOML: "},
           {"[server]\nlisten_port = 1\nlisten_port = 2", "longbow.toml:3: this is not TOML: "},
       }) {
    EXPECT_THAT(Check(c.toml).problems, HasSubstr(c.message)) << c.toml;
  }
}

TEST(CheckSettingsTest, CollectsAllProblems) {
  Outcome outcome = Check("[server]\nlisten_prot = 1\nuse_tls = 5\n[sotrage]\nx = 1",
                          {{"LONGBOW_SERVER__MAX_WAIT_SEC", "soon"}});
  EXPECT_THAT(outcome.problems, AllOf(HasSubstr("listen_prot"), HasSubstr("use_tls"),
                                      HasSubstr("[sotrage]"), HasSubstr("max_wait_sec")));
  // What is wrong has its default, so that the rest can be looked at.
  EXPECT_FALSE(outcome.checked.settings.GetBool("server", "use_tls"));
}

TEST(CheckSettingsTest, NeverShowsSecrets) {
  for (const char* toml : {"[connector.source.nyc]\ntype = \"files\"\npassword = 77123",
                           "[server]\ntls_private_key = 77123"}) {
    Outcome outcome = Check(toml);
    EXPECT_THAT(outcome.problems, AllOf(HasSubstr("must be a string"), Not(HasSubstr("77123"))));
  }
}

TEST(CheckSettingsTest, TellsWhereValuesComeFrom) {
  Outcome outcome =
      Check("[server]\nlisten_port = 1", {{"LONGBOW_SERVER__LISTEN_HOST", "0.0.0.0"}});
  std::map<std::string, std::string> origins;
  for (const auto& setting : outcome.checked.effective) origins[setting.spec.name] = setting.origin;
  EXPECT_EQ(origins["listen_port"], "longbow.toml:2");
  EXPECT_EQ(origins["listen_host"], "environment variable LONGBOW_SERVER__LISTEN_HOST");
  EXPECT_EQ(origins["task_threads"], "default");
}

TEST(MergeTest, LaterFilesWinKeyByKey) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("longbow_check_test_" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const std::string first = (folder / "first.toml").string();
  const std::string second = (folder / "second.toml").string();
  std::ofstream(first)
      << "[server]\nlisten_port = 1\nlisten_host = \"a\"\nmodules = [\"x\", \"y\"]\n"
         "[connector.source.nyc]\ntype = \"files\"\npath = \"one\"\n";
  std::ofstream(second) << "[server]\nlisten_port = 2\nmodules = [\"z\"]\n"
                           "[connector.source.nyc]\npath = \"two\"\n";
  std::vector<Problem> problems;
  Node document = ReadFiles({first, second}, &problems);
  EXPECT_TRUE(problems.empty());
  CheckedSettings checked = CheckSettings(document, Sections());
  EXPECT_TRUE(checked.problems.empty()) << ProblemsToStatus(checked.problems);
  EXPECT_EQ(checked.settings.GetInt("server", "listen_port"), 2);
  EXPECT_EQ(checked.settings.GetString("server", "listen_host"), "a");
  EXPECT_EQ(checked.settings.Get("server", "modules"), Value(Value::List{"z"}));
  const auto& nyc = checked.settings.GetRepeated("connector.source").at("nyc");
  EXPECT_EQ(nyc.at("type"), Value("files"));
  EXPECT_EQ(nyc.at("path"), Value("two"));

  ReadFiles({(folder / "none.toml").string(), folder.string()}, &problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_THAT(problems[0].text, HasSubstr("No such file"));
  EXPECT_THAT(problems[1].text, HasSubstr("Is a directory"));

  // What has other content each time it is read, or no end.
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  problems.clear();
  ReadFiles({pipe, "/dev/zero"}, &problems);
  ASSERT_EQ(problems.size(), 2u);
  for (const auto& problem : problems) {
    EXPECT_THAT(problem.text, HasSubstr("is no regular file"));
  }
  std::filesystem::remove_all(folder);
}

TEST(EnvironmentTest, WinsOverFilesAndIsTyped) {
  Outcome outcome =
      Check("[server]\nlisten_port = 1\n[connector.source.My-Data]\ntype = \"files\"\n",
            {{"LONGBOW_SERVER__LISTEN_PORT", "2"},
             {"LONGBOW_SERVER__USE_TLS", "TRUE"},
             {"LONGBOW_SERVER__SHUTDOWN_GRACE_SEC", "1.5"},
             {"LONGBOW_SERVER__MODULES", "storage, sql"},
             {"LONGBOW_SERVER__NODE_ID", "17"},
             {"LONGBOW_STORAGE__MAX_BYTES", "2GiB"},
             {"LONGBOW_CONNECTOR__SOURCE__MY_DATA__PATH", "/x"},
             {"LONGBOW_CONNECTOR__SOURCE__NYC__TYPE", "sqlite"},
             {"LONGBOW_DEPS", "ignored"},
             {"HOME", "/root"}});
  EXPECT_EQ(outcome.problems, "");
  const Settings& settings = outcome.checked.settings;
  EXPECT_EQ(settings.GetInt("server", "listen_port"), 2);
  EXPECT_TRUE(settings.GetBool("server", "use_tls"));
  EXPECT_EQ(settings.Get("server", "shutdown_grace_sec"), Value(1.5));
  EXPECT_EQ(settings.Get("server", "modules"), (Value(Value::List{"storage", "sql"})));
  EXPECT_EQ(settings.GetString("server", "node_id"), "17");
  EXPECT_EQ(settings.GetInt("storage", "max_bytes"), int64_t{2} << 30);
  const auto& sources = settings.GetRepeated("connector.source");
  EXPECT_EQ(sources.at("My-Data").at("path"), Value("/x"));
  EXPECT_EQ(sources.at("nyc").at("type"), Value("sqlite"));
}

TEST(EnvironmentTest, RefusesWhatIsUnknownOrMistyped) {
  struct Case {
    const char* variable;
    const char* text;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"LONGBOW_SERVER__LISTEN_PROT", "1",
            "environment variable LONGBOW_SERVER__LISTEN_PROT: this is not a setting; did you mean "
            "LONGBOW_SERVER__LISTEN_PORT?"},
           {"LONGBOW_CONNECTOR__SOURCE__NYC__PTAH", "1",
            "did you mean LONGBOW_CONNECTOR__SOURCE__NYC__PATH?"},
           {"LONGBOW_WEATHER__TOMORROW", "1", "this is not a setting"},
           {"LONGBOW_SERVER__LISTEN_PORT", "17001x",
            "server.listen_port cannot be \"17001x\"; it must be an integer"},
           {"LONGBOW_SERVER__LISTEN_PORT", "", "must be an integer"},
           {"LONGBOW_SERVER__LISTEN_PORT", "70000", "must be from 0 to 65535"},
           {"LONGBOW_SERVER__USE_TLS", "maybe", "must be true or false"},
           {"LONGBOW_SERVER__MODULES", "[\"a\"", "must be a list of strings"},
           {"LONGBOW_STORAGE__MAX_BYTES", "much", "is not a size"},
       }) {
    EXPECT_THAT(Check("", {{c.variable, c.text}}).problems, HasSubstr(c.message)) << c.variable;
  }
}

TEST(EnvironmentTest, RefusesAKeyWithTwoMeanings) {
  Outcome outcome =
      Check("[connector.source.a-b]\ntype = \"files\"\n[connector.source.a_b]\ntype = \"files\"\n",
            {{"LONGBOW_CONNECTOR__SOURCE__A_B__PATH", "/x"}});
  EXPECT_THAT(outcome.problems, HasSubstr("could mean the table \"a-b\" or \"a_b\""));
}

}  // namespace
}  // namespace longbow::config
