#include <longbow/error.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace longbow {
namespace {

TEST(Error, CarriesItsParts) {
  arrow::Status status = MakeError(ErrorCode::kBadArgument, "bad", "why", std::string("\0b", 2));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message(), "bad");
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  const ErrorDetail* detail = ErrorDetailOf(status);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->detail(), "why");
  EXPECT_EQ(detail->body().size(), 2u);
  EXPECT_EQ(detail->ToString(), "BAD_ARGUMENT: why");
}

TEST(Error, WireNumbersCarryTheRetryAdviceOfTheProtocol) {
  EXPECT_EQ(WireNumber(ErrorCode::kBadArgument), 1);
  EXPECT_EQ(WireNumber(ErrorCode::kBadRequest), 2);
  EXPECT_EQ(WireNumber(ErrorCode::kTimeout), 100);
  EXPECT_EQ(WireNumber(ErrorCode::kPoll), 101 | 0x10000);
  EXPECT_EQ(WireNumber(ErrorCode::kBackpressure), 102 | 0x30000);
  EXPECT_EQ(WireNumber(ErrorCode::kReadOnly), 205 | 0x30000);
  EXPECT_EQ(WireNumber(ErrorCode::kInternalError), 500 | 0x20000);
  EXPECT_EQ(WireNumber(ErrorCode::kNotReady), 501 | 0x30000);
  EXPECT_EQ(WireNumber(ErrorCode::kShuttingDown), 502 | 0x20000);
  EXPECT_EQ(WireNumber(ErrorCode::kNotImplemented), 503);
  EXPECT_EQ(WireNumber(static_cast<ErrorCode>(1234)), 1234);
}

TEST(Error, NamesCodes) {
  EXPECT_EQ(ErrorName(ErrorCode::kCommandResultConsumed), "COMMAND_RESULT_CONSUMED");
  EXPECT_EQ(ErrorName(static_cast<ErrorCode>(1000)), "CUSTOM");
}

TEST(Error, GivesEveryStatusACode) {
  EXPECT_EQ(ErrorCodeOf(arrow::Status::Invalid("x")), ErrorCode::kBadArgument);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::TypeError("x")), ErrorCode::kBadArgument);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::KeyError("x")), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::Cancelled("x")), ErrorCode::kCommandCancelled);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::OutOfMemory("x")), ErrorCode::kResourceExhausted);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::NotImplemented("x")), ErrorCode::kNotImplemented);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::AlreadyExists("x")), ErrorCode::kAlreadyExists);
  EXPECT_EQ(ErrorCodeOf(arrow::Status::IOError("x")), ErrorCode::kInternalError);
}

/// Another library's detail is not mistaken for ours.
class OtherDetail : public arrow::StatusDetail {
 public:
  const char* type_id() const override { return "other"; }
  std::string ToString() const override { return "other"; }
};

TEST(Error, LeavesOtherDetailsAlone) {
  arrow::Status status(arrow::StatusCode::Invalid, "x", std::make_shared<OtherDetail>());
  EXPECT_EQ(ErrorDetailOf(status), nullptr);
  EXPECT_EQ(ErrorDetailOf(arrow::Status::OK()), nullptr);
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
}

}  // namespace
}  // namespace longbow
