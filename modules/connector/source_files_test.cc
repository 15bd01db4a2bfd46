#include "source_files.h"

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "test_files.h"

namespace longbow::connector {
namespace {

class SourceFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"data/b.csv", "data/a.csv.gz", "data/sub/c.tsv", "data/.hidden.csv",
                             "data/_SUCCESS", "data/.git/x.csv", "data/README.md", "secret.csv"}) {
      folder_.Write(name, "x\n1\n");
    }
  }

  FileSourceConfig Config(const std::string& path) {
    FileSourceConfig config;
    config.name = "s";
    config.path = folder_ / path;
    return config;
  }

  std::vector<std::string> Names(const arrow::Result<SourceFiles>& found) {
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> names;
    if (!found.ok()) return names;
    for (const auto& file : found->files) names.push_back(file.name);
    return names;
  }

  void ExpectError(const arrow::Result<SourceFiles>& found, ErrorCode code) {
    ASSERT_FALSE(found.ok()) << "found " << found->files.size() << " files";
    EXPECT_EQ(ErrorName(ErrorCodeOf(found.status())), ErrorName(code)) << found.status();
    EXPECT_EQ(found.status().message().find(folder_.path().string()), std::string::npos)
        << "shows where the files lie: " << found.status();
  }

  using Strings = std::vector<std::string>;
  TempFolder folder_;
};

TEST_F(SourceFilesTest, AFolderGivesWhatItsNameSaysInOrder) {
  auto found = FindSourceFiles(Config("data"), {});
  EXPECT_EQ(Names(found), (Strings{"a.csv.gz", "b.csv", "sub/c.tsv"}));
  EXPECT_EQ(found->type, FileType::kCsv);
  EXPECT_EQ(found->files[1].bytes, 4);
  EXPECT_EQ(found->files[1].real_path, folder_ / "data/b.csv");
}

TEST_F(SourceFilesTest, AGivenFormatAlsoTakesFilesWithoutAnEnding) {
  folder_.Write("data/part-0001", "x\n");
  auto config = Config("data");
  config.format = FileType::kCsv;
  EXPECT_EQ(Names(FindSourceFiles(config, {})),
            (Strings{"a.csv.gz", "b.csv", "part-0001", "sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(config, "README.md")), (Strings{"README.md"}));
}

TEST_F(SourceFilesTest, APathNamesAFileOrAFolder) {
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "b.csv")), (Strings{"b.csv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "./sub/c.tsv")), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "sub")), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "sub/")), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), ".")).size(), 3u);
}

TEST_F(SourceFilesTest, APathCannotLeadOutside) {
  folder_.Link("data/out.csv", folder_ / "secret.csv");
  folder_.Link("data/up", folder_.path());
  folder_.Link("data/gone.csv", folder_ / "not/there");
  for (const char* path : {"..", "../secret.csv", "sub/../../secret.csv", "/etc/passwd", "out.csv",
                           "up", "up/secret.csv", "up/no-such-file", "up/data/b.csv/../../x"}) {
    SCOPED_TRACE(path);
    ExpectError(FindSourceFiles(Config("data"), path), ErrorCode::kPermissionDenied);
  }
  ExpectError(FindSourceFiles(Config("data"), "gone.csv"), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("data"), {}), ErrorCode::kPermissionDenied);
  ExpectError(FindSourceFiles(Config("data/*.csv"), {}), ErrorCode::kPermissionDenied);
}

TEST_F(SourceFilesTest, ALinkInsideMayBeUsed) {
  folder_.Link("data/latest.csv", folder_ / "data/b.csv");
  folder_.Link("data/same", folder_ / "data/sub");
  folder_.Link("data/sub/loop", folder_ / "data");
  auto found = FindSourceFiles(Config("data"), "latest.csv");
  EXPECT_EQ(Names(found), (Strings{"latest.csv"}));
  EXPECT_EQ(found->files[0].real_path, folder_ / "data/b.csv");
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "same")), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), {})),
            (Strings{"a.csv.gz", "b.csv", "latest.csv", "sub/c.tsv"}));
}

TEST_F(SourceFilesTest, ASourceItselfMayBeALink) {
  folder_.Link("link", folder_ / "data");
  folder_.Link("link.csv", folder_ / "secret.csv");
  EXPECT_EQ(Names(FindSourceFiles(Config("link"), "b.csv")), (Strings{"b.csv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("link.csv"), {})), (Strings{"link.csv"}));
}

TEST_F(SourceFilesTest, WhatIsNotThereIsNotFoundWithAHint) {
  auto found = FindSourceFiles(Config("data"), "c.csv");
  ExpectError(found, ErrorCode::kNotFound);
  EXPECT_NE(found.status().message().find("did you mean 'b.csv'?"), std::string::npos)
      << found.status();
  ExpectError(FindSourceFiles(Config("data"), "no/such/file.csv"), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("nowhere"), {}), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("nowhere"), "x"), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("data/*.orc"), {}), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("data/.git"), "y"), ErrorCode::kNotFound);
  std::filesystem::create_directory(folder_.path() / "empty");
  ExpectError(FindSourceFiles(Config("empty"), {}), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("data"), ""), ErrorCode::kBadArgument);
  ExpectError(FindSourceFiles(Config("data"), std::string("b.csv\0x", 7)), ErrorCode::kBadArgument);
}

TEST_F(SourceFilesTest, AFileIsASourceOfItself) {
  EXPECT_EQ(Names(FindSourceFiles(Config("data/b.csv"), {})), (Strings{"b.csv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data/b.csv"), "b.csv")), (Strings{"b.csv"}));
  ExpectError(FindSourceFiles(Config("data/b.csv"), "a.csv.gz"), ErrorCode::kNotFound);
  ExpectError(FindSourceFiles(Config("data/b.csv"), "../secret.csv"), ErrorCode::kPermissionDenied);
}

TEST_F(SourceFilesTest, AGlobGivesWhatItMatches) {
  EXPECT_EQ(Names(FindSourceFiles(Config("data/*.csv*"), {})), (Strings{"a.csv.gz", "b.csv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data/*/[a-c].tsv"), {})), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data/s*"), {})), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data/s*"), "sub")), (Strings{"sub/c.tsv"}));
  EXPECT_EQ(Names(FindSourceFiles(Config("data/*.csv*"), "b.csv")), (Strings{"b.csv"}));
  ExpectError(FindSourceFiles(Config("data/*.csv"), "a.csv.gz"), ErrorCode::kNotFound);
}

TEST_F(SourceFilesTest, AGlobBelowAFolderWithStrangeCharacters) {
  folder_.Write("we[i]rd/x.csv", "x\n1\n");
  folder_.Link("plain", folder_ / "we[i]rd");
  EXPECT_EQ(Names(FindSourceFiles(Config("plain/*.csv"), {})), (Strings{"x.csv"}));
}

TEST_F(SourceFilesTest, FilesOfSeveralFormatsAreRefused) {
  folder_.Write("data/x.parquet", "");
  ExpectError(FindSourceFiles(Config("data"), {}), ErrorCode::kBadArgument);
  EXPECT_EQ(Names(FindSourceFiles(Config("data"), "x.parquet")), (Strings{"x.parquet"}));
  auto config = Config("data");
  config.format = FileType::kParquet;
  EXPECT_EQ(Names(FindSourceFiles(config, {})), (Strings{"x.parquet"}));
  ExpectError(FindSourceFiles(Config("data"), "README.md"), ErrorCode::kBadArgument);
}

}  // namespace
}  // namespace longbow::connector
