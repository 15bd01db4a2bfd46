// What an author gets without writing it: the SDK's default implementations.

#include <memory>
#include <string>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/flight_methods.h>
#include <longbow/module.h>
#include <longbow/service.h>
#include <longbow/settings.h>
#include <longbow/version.h>

namespace longbow {
namespace {

class SilentMethods : public FlightMethods {};

class OneRequestContext : public CallContext {
 public:
  OneRequestContext() {
    headers_.emplace("a", "1");
    headers_.emplace("a", "2");
  }
  const Headers& headers() const override { return headers_; }
  const std::string& peer() const override { return text_; }
  const std::optional<PeerCertificate>& peer_certificate() const override { return certificate_; }
  const Principal& principal() const override { return principal_; }
  const std::string& request_id() const override { return text_; }
  std::string traceparent() const override { return text_; }
  Logger& logger() const override { return logger_; }
  std::optional<MonotonicTime> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  void AddResponseHeader(std::string_view, std::string_view) override {}

 private:
  Headers headers_;
  std::string text_;
  std::optional<PeerCertificate> certificate_;
  Principal principal_;
  mutable NullLogger logger_;
};

TEST(SdkDefaults, RawMethodsHandleNothing) {
  SilentMethods methods;
  OneRequestContext context;
  auto descriptor = arrow::flight::FlightDescriptor::Command("x");
  EXPECT_TRUE(FlightMethods::IsNotHandled(methods.GetFlightInfo(context, descriptor).status()));
  EXPECT_TRUE(FlightMethods::IsNotHandled(methods.DoGet(context, {"t"}).status()));
  EXPECT_TRUE(FlightMethods::IsNotHandled(methods.DoPut(context, {descriptor, nullptr}).status()));
  EXPECT_TRUE(FlightMethods::IsNotHandled(methods.Handshake(context, "").status()));
  EXPECT_TRUE(FlightMethods::IsNotHandled(methods.ListFlights(context, "").status()));
  EXPECT_TRUE(methods.ListActions().empty());
  EXPECT_FALSE(FlightMethods::IsNotHandled(arrow::Status::NotImplemented("a module's own")));
  EXPECT_FALSE(FlightMethods::IsNotHandled(arrow::Status::OK()));
}

TEST(SdkDefaults, ContextFindsHeaders) {
  OneRequestContext context;
  EXPECT_TRUE(context.FindHeader("a").has_value());
  EXPECT_FALSE(context.FindHeader("b").has_value());
}

class EmptyService : public Service {
 public:
  EmptyService() { description_.name = "empty"; }
  const ServiceDescription& description() const override { return description_; }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(const ExecuteRequest&) override {
    return arrow::Status::NotImplemented("not called");
  }

 private:
  ServiceDescription description_;
};

TEST(SdkDefaults, ServicesTakeNoDataAndListNothing) {
  EmptyService service;
  arrow::Status put = service.BeginPut({}, arrow::schema({})).status();
  EXPECT_EQ(ErrorCodeOf(put), ErrorCode::kNotImplemented);
  EXPECT_NE(put.message().find("'empty'"), std::string::npos) << put.message();
  EXPECT_TRUE(service.List(10).ValueOrDie().empty());
}

TEST(SdkDefaults, SettingsAreRead) {
  Settings settings({{"server", {{"port", 17001}, {"tls", false}, {"host", "a"}, {"key", {}}}}},
                    {{"source", {{"nyc", {{"path", "/data"}}}}}});
  EXPECT_EQ(settings.GetInt("server", "port"), 17001);
  EXPECT_FALSE(settings.GetBool("server", "tls"));
  EXPECT_EQ(settings.GetString("server", "host"), "a");
  EXPECT_EQ(settings.GetString("server", "key"), "");
  EXPECT_TRUE(settings.Get("server", "key").is_null());
  EXPECT_EQ(settings.GetRepeated("source").at("nyc").find("path")->second.as_string(), "/data");
}

TEST(SdkDefaultsDeathTest, AnUndeclaredSettingIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Settings settings;
  EXPECT_DEATH(settings.Get("server", "prot"), "\\[server\\] prot");
}

TEST(SdkDefaults, TheIdentityNamesWhatMustAgree) {
  std::string identity = LONGBOW_BUILD_IDENTITY;
  EXPECT_NE(identity.find("longbow " LONGBOW_VERSION), std::string::npos);
  EXPECT_NE(identity.find("arrow " ARROW_VERSION_STRING), std::string::npos);
  EXPECT_EQ(std::string(LONGBOW_SDK_DIGEST).size(), 16u);
}

}  // namespace
}  // namespace longbow
