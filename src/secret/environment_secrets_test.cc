#include "secret/environment_secrets.h"

#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "secret/file_secrets.h"

namespace longbow::secret {
namespace {

SecretReference Ref(const std::string& text) {
  return ParseSecretReference(text).ValueOrDie().value();
}

TEST(EnvironmentSecrets, GivesWhatIsSetAndNamesWhatIsNot) {
  EnvironmentSecrets secrets([](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "value-of-set\n";
    if (name == "EMPTY") return "";
    if (name == "LARGE") return std::string(kMaxSecretBytes + 1, 'x');
    return std::nullopt;
  });
  SecretValue value = secrets.Get(Ref("env:SET")).ValueOrDie();
  EXPECT_EQ(value.value, "value-of-set\n");
  EXPECT_FALSE(value.refresh_after.has_value()) << "the environment does not change";
  EXPECT_EQ(secrets.Get(Ref("env:EMPTY")).ValueOrDie().value, "");
  arrow::Status missing = secrets.Get(Ref("env:MISSING")).status();
  EXPECT_EQ(ErrorCodeOf(missing), ErrorCode::kNotFound);
  EXPECT_NE(missing.message().find("env:MISSING"), std::string::npos);
  EXPECT_EQ(ErrorCodeOf(secrets.Get(Ref("env:LARGE")).status()), ErrorCode::kResourceExhausted);
}

TEST(EnvironmentSecrets, ReadsThisProcess) {
  EnvironmentSecrets secrets;
  EXPECT_EQ(secrets.Get(Ref("env:PATH")).ValueOrDie().value, std::getenv("PATH"));
  EXPECT_FALSE(secrets.Get(Ref("env:LONGBOW_SURELY_NOT_SET")).ok());
}

}  // namespace
}  // namespace longbow::secret
