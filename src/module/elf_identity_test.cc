#include "module/elf_identity.h"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/version.h>

namespace longbow {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr char kAlpha[] = LONGBOW_TEST_MODULE_DIR "/liblongbow_alpha.so";

class ElfIdentityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longbow_elf_test_" + std::to_string(getpid()));
    fs::create_directory(folder_);
    std::ifstream file(kAlpha, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    library_ = bytes.str();
    ASSERT_GT(library_.size(), sizeof(Elf64_Ehdr));
  }
  void TearDown() override { fs::remove_all(folder_); }

  arrow::Result<std::optional<std::string>> Read(const std::string& bytes) {
    const std::string path = (folder_ / "x.so").string();
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return ReadModuleIdentity(path);
  }

  template <typename Change>
  std::string WithHeader(Change change) {
    std::string bytes = library_;
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    change(header);
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
  }

  fs::path folder_;
  std::string library_;
};

TEST_F(ElfIdentityTest, ReadsAModules) {
  auto identity = Read(library_);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(*identity, LONGBOW_BUILD_IDENTITY);
}

TEST_F(ElfIdentityTest, FindsNoneInAnotherLibrary) {
  auto identity = ReadModuleIdentity(LONGBOW_TEST_MODULE_DIR "/liblongbow_plain.so");
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_FALSE(identity->has_value());
  identity = Read(WithHeader([](Elf64_Ehdr& header) {
    header.e_shoff = 0;
    header.e_shnum = 0;
  }));
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_FALSE(identity->has_value());
}

TEST_F(ElfIdentityTest, RefusesWhatIsNoLibrary) {
  struct Case {
    std::string bytes;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", "cut off or damaged"},
           {"\x7f"
            "ELF",
            "cut off or damaged"},
           {std::string(200, 'x'), "no ELF file"},
           {library_.substr(0, library_.size() / 2), "cut off or damaged"},
           {WithHeader([](auto& h) { h.e_machine = EM_S390; }), "another machine"},
           {WithHeader([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "another machine"},
           {WithHeader([](auto& h) { h.e_type = ET_REL; }), "another kind"},
           {WithHeader([](auto& h) { h.e_shentsize = 1; }), "section table"},
           {WithHeader([](auto& h) { h.e_shoff = UINT64_MAX - 10; }), "cut off or damaged"},
           {WithHeader([](auto& h) { h.e_shnum = 60000; }), "cut off or damaged"},
           {WithHeader([](auto& h) { h.e_shstrndx = 5000; }), "section names"},
       }) {
    auto identity = Read(c.bytes);
    ASSERT_FALSE(identity.ok()) << c.message;
    EXPECT_EQ(ErrorCodeOf(identity.status()), ErrorCode::kBadArgument);
    EXPECT_THAT(identity.status().message(), HasSubstr(c.message));
  }
  EXPECT_EQ(ErrorCodeOf(ReadModuleIdentity("/nonexistent/x.so").status()), ErrorCode::kNotFound);
  EXPECT_THAT(ReadModuleIdentity("/").status().message(), HasSubstr("it is no file"));
}

// Whatever the bytes say, reading ends with an answer or an error.
TEST_F(ElfIdentityTest, SurvivesDamage) {
  std::mt19937 random(17);
  Elf64_Ehdr header;
  std::memcpy(&header, library_.data(), sizeof(header));
  for (int round = 0; round < 500; ++round) {
    std::string bytes = library_;
    for (int i = 0; i < 4; ++i) {
      // Half of the damage goes to the section table, where it matters.
      const size_t begin = round % 2 == 0 ? 0 : header.e_shoff;
      const size_t length = round % 2 == 0 ? sizeof(header) : bytes.size() - begin;
      bytes[begin + random() % length] = static_cast<char>(random());
    }
    if (round % 5 == 0) bytes.resize(random() % bytes.size());
    (void)Read(bytes);
  }
}

}  // namespace
}  // namespace longbow
