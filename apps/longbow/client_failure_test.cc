#include "client_failure.h"

#include <cerrno>

#include <arrow/flight/types.h>
#include <arrow/util/io_util.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "commands.h"
#include "transport/wire_error.h"

namespace longbow::client {
namespace {

constexpr char kServer[] = "grpc://127.0.0.1:17001";

// As Arrow's client gives it.
arrow::Status FromServer(const arrow::Status& status) {
  const auto wire = transport::ToWire(status);
  return arrow::flight::MakeFlightError(arrow::flight::FlightStatusCode::Failed,
                                        "Flight returned failed error, with message: " +
                                            wire.message + ". gRPC client debug context: junk",
                                        wire.extra_info);
}

TEST(FailureTest, NamesTheServersErrorWithItsDetail) {
  const auto failure =
      DescribeFailure(FromServer(MakeError(ErrorCode::kNotFound, "there is no flight at 'a'",
                                           "ListFlights tells.")),
                      kServer);
  EXPECT_EQ(failure.exit_code, app::kExitFailure);
  EXPECT_EQ(failure.text, "error NOT_FOUND: there is no flight at 'a'\n  ListFlights tells.\n");
}

TEST(FailureTest, KeepsTheLinesOfASqlError) {
  const auto failure = DescribeFailure(
      FromServer(MakeError(ErrorCode::kBadArgument, "Parser Error", "LINE 1: SELEC 1\n        ^")),
      kServer);
  EXPECT_EQ(failure.text, "error BAD_ARGUMENT: Parser Error\n  LINE 1: SELEC 1\n          ^\n");
}

TEST(FailureTest, GivesRetryAdvice) {
  auto text =
      DescribeFailure(FromServer(MakeError(ErrorCode::kBackpressure, "full")), kServer).text;
  EXPECT_EQ(text,
            "error BACKPRESSURE: full\nhint: try again in a moment, or another node with "
            "--server\n");
  text = DescribeFailure(FromServer(MakeError(ErrorCode::kUnauthenticated, "no")), kServer).text;
  EXPECT_NE(text.find("--token"), std::string::npos);
}

TEST(FailureTest, TellsWhatToStartWhenNobodyAnswers) {
  const auto failure = DescribeFailure(
      arrow::flight::MakeFlightError(
          arrow::flight::FlightStatusCode::Unavailable,
          "Flight returned unavailable error, with message: failed to connect to all addresses"),
      kServer);
  EXPECT_EQ(failure.exit_code, app::kExitUnreachable);
  EXPECT_NE(failure.text.find(kServer), std::string::npos);
  EXPECT_NE(failure.text.find("longbow start"), std::string::npos);
  EXPECT_NE(failure.text.find("failed to connect"), std::string::npos);
  EXPECT_EQ(failure.text.find("Flight returned"), std::string::npos);
}

TEST(FailureTest, AServerThatIsBusyIsNotAServerThatIsNotThere) {
  EXPECT_EQ(
      DescribeFailure(FromServer(MakeError(ErrorCode::kNotReady, "starting")), kServer).exit_code,
      app::kExitFailure);
}

TEST(FailureTest, IsSafeForATerminal) {
  const auto failure = DescribeFailure(
      FromServer(MakeError(ErrorCode::kCommandFailed, "a\x1b[2Jb", "c\x1b]d")), kServer);
  EXPECT_EQ(failure.text.find('\x1b'), std::string::npos);
}

TEST(FailureTest, UsageAndBrokenPipes) {
  EXPECT_EQ(DescribeFailure(UsageError("no"), kServer).exit_code, app::kExitUsage);
  const auto pipe = DescribeFailure(arrow::internal::IOErrorFromErrno(EPIPE, "write"), kServer);
  EXPECT_EQ(pipe.exit_code, app::kExitOk);
  EXPECT_EQ(pipe.text, "");
}

TEST(FailureTest, AnyOtherErrorIsShownAsItIs) {
  const auto failure = DescribeFailure(arrow::Status::Invalid("CSV parse error"), kServer);
  EXPECT_EQ(failure.exit_code, app::kExitFailure);
  EXPECT_EQ(failure.text, "error: CSV parse error\n");
}

}  // namespace
}  // namespace longbow::client
