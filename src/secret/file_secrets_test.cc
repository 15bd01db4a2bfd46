#include "secret/file_secrets.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::secret {
namespace {

namespace fs = std::filesystem;

class FileSecretsTest : public ::testing::Test {
 protected:
  FileSecretsTest() {
    std::string name = (fs::temp_directory_path() / "longbow-secret-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FileSecretsTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  SecretReference Write(const std::string& name, const std::string& content) {
    std::ofstream(Path(name), std::ios::binary) << content;
    fs::permissions(Path(name), fs::perms::owner_read | fs::perms::owner_write);
    return Ref(name);
  }
  SecretReference Ref(const std::string& name) const {
    return ParseSecretReference("file:" + Path(name)).ValueOrDie().value();
  }
  /// Long ago, so that the time stamps tell.
  void MakeOld(const std::string& name, time_t sec = 1'000'000'000) {
    const timespec times[2] = {{sec, 0}, {sec, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, Path(name).c_str(), times, 0), 0);
  }

  fs::path folder_;
  testing::RecordingLogger logger_;
  FileSecrets secrets_{{std::chrono::milliseconds(1000), &logger_}};
};

TEST_F(FileSecretsTest, StripsOneNewline) {
  EXPECT_EQ(secrets_.Get(Write("a", "word")).ValueOrDie().value, "word");
  EXPECT_EQ(secrets_.Get(Write("b", "word\n")).ValueOrDie().value, "word");
  EXPECT_EQ(secrets_.Get(Write("c", "word\r\n")).ValueOrDie().value, "word");
  EXPECT_EQ(secrets_.Get(Write("d", " word\n\n")).ValueOrDie().value, " word\n");
  EXPECT_EQ(secrets_.Get(Write("e", std::string("a\0b\r", 4))).ValueOrDie().value,
            std::string("a\0b\r", 4));
  EXPECT_EQ(secrets_.Get(Ref("a")).ValueOrDie().refresh_after, std::chrono::milliseconds(1000));
}

TEST_F(FileSecretsTest, TakesUpToOneMebibyte) {
  std::string largest(kMaxSecretBytes, 'x');
  EXPECT_EQ(secrets_.Get(Write("a", largest)).ValueOrDie().value, largest);
  arrow::Status status = secrets_.Get(Write("b", largest + "x")).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kResourceExhausted);
}

TEST_F(FileSecretsTest, NamesWhatCannotBeRead) {
  Write("file", "value-in-file");
  fs::create_directory(Path("folder"));
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  const auto expect = [&](const SecretReference& reference, ErrorCode code) {
    arrow::Status status = secrets_.Get(reference).status();
    EXPECT_EQ(ErrorCodeOf(status), code) << status.ToString();
    EXPECT_NE(status.message().find(reference.text), std::string::npos) << status.ToString();
  };
  expect(Ref("missing"), ErrorCode::kNotFound);
  expect(Ref("file/below"), ErrorCode::kNotFound);
  expect(Ref("folder"), ErrorCode::kBadArgument);
  expect(Ref("fifo"), ErrorCode::kBadArgument);  // and does not block
  expect(Write("empty", ""), ErrorCode::kBadArgument);
  expect(ParseSecretReference("file:/dev/zero").ValueOrDie().value(), ErrorCode::kBadArgument);
}

TEST_F(FileSecretsTest, FollowsLinksAsKubernetesChangesThem) {
  fs::create_directory(Path("v1"));
  fs::create_directory(Path("v2"));
  Write("v1/password", "first-value");
  Write("v2/password", "other-value");
  MakeOld("v1/password");
  MakeOld("v2/password");
  fs::create_symlink("v1", Path("..data"));
  fs::create_symlink("..data/password", Path("password"));
  SecretValue first = secrets_.Get(Ref("password")).ValueOrDie();
  EXPECT_EQ(first.value, "first-value");
  fs::create_symlink("v2", Path("..data_tmp"));
  fs::rename(Path("..data_tmp"), Path("..data"));
  EXPECT_FALSE(secrets_.IsCurrent(Ref("password"), first.version));
  EXPECT_EQ(secrets_.Get(Ref("password")).ValueOrDie().value, "other-value");
}

TEST_F(FileSecretsTest, AYoungFileIsNeverCertainlyTheSame) {
  // Its status has just changed: a second write could leave the same stamps.
  SecretValue value = secrets_.Get(Write("a", "value-1")).ValueOrDie();
  EXPECT_EQ(value.version, "");
  EXPECT_FALSE(secrets_.IsCurrent(Ref("a"), value.version));
  // A file of the system is old enough.
  const SecretReference old = ParseSecretReference("file:/etc/passwd").ValueOrDie().value();
  struct stat status {};
  if (stat("/etc/passwd", &status) != 0 || status.st_ctim.tv_sec > time(nullptr) - 60) return;
  value = secrets_.Get(old).ValueOrDie();
  EXPECT_NE(value.version, "");
  EXPECT_TRUE(secrets_.IsCurrent(old, value.version));
  EXPECT_FALSE(secrets_.IsCurrent(old, value.version + "x"));
}

TEST_F(FileSecretsTest, WarnsOnceOfAFileThatEverybodyMayRead) {
  SecretReference reference = Write("a", "value-of-a");
  ASSERT_TRUE(secrets_.Get(reference).ok());
  EXPECT_TRUE(logger_.lines().empty());
  fs::permissions(Path("a"), fs::perms::others_read, fs::perm_options::add);
  ASSERT_TRUE(secrets_.Get(reference).ok());
  ASSERT_TRUE(secrets_.Get(reference).ok());
  ASSERT_EQ(logger_.lines().size(), 1u);
  EXPECT_TRUE(logger_.Contains(reference.text));
  EXPECT_FALSE(logger_.Contains("value-of-a"));
}

}  // namespace
}  // namespace longbow::secret
