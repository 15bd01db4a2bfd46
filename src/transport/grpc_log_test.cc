#include "transport/grpc_log.h"

#include <memory>

#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

namespace longbow::transport {
namespace {

TEST(GrpcLogTest, TheNewestThatLivesGetsTheLines) {
  testing::RecordingLogger older, newer;
  const GrpcLog to_older(&older);
  {
    const GrpcLog to_newer(&newer);
    gpr_log(GPR_ERROR, "handshake %d failed", 7);
    gpr_log(GPR_INFO, "of no interest");
  }
  ASSERT_EQ(newer.lines().size(), 1u);
  EXPECT_EQ(newer.lines()[0].level, LogLevel::kWarning);
  EXPECT_EQ(newer.lines()[0].message, "gRPC: handshake 7 failed");
  EXPECT_TRUE(older.lines().empty());
  gpr_log(GPR_ERROR, "another");
  EXPECT_EQ(older.lines().size(), 1u);
}

TEST(GrpcLogTest, AFloodIsCutOff) {
  testing::RecordingLogger logger;
  const GrpcLog log(&logger);
  for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "line");
  // It may take more than one of its seconds on a slow machine.
  EXPECT_LT(logger.lines().size(), 500u);
}

}  // namespace
}  // namespace longbow::transport
