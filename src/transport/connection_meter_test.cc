#include "transport/connection_meter.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::transport {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr unsigned char kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kContinuation = 9;
constexpr char kEndStream = 1;

std::string Frame(unsigned char type, size_t size, char stream = 1, char flags = 0) {
  std::string head = {static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                      static_cast<char>(size), static_cast<char>(type), flags};
  head.resize(8);
  head += stream;
  // What stands in a frame looks like the head of one that is not allowed.
  return head + std::string(size, static_cast<char>(kContinuation));
}

const ConnectionLimits kLimits = {.max_block_bytes = 100,
                                  .max_block_frames = 3,
                                  .max_stranger_bytes = 1000,
                                  .max_stranger_calls = 4};

TEST(ConnectionMeter, TakesBlocksWithinTheLimit) {
  ConnectionMeter meter(kLimits, /*stranger=*/false);
  EXPECT_TRUE(meter.Take(kPreface + Frame(kSettings, 12)));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(meter.Take(Frame(kHeaders, 40) + Frame(kContinuation, 60)));
    EXPECT_TRUE(meter.Take(Frame(kData, 70'000)));
  }
}

TEST(ConnectionMeter, RefusesALargerBlockAtTheHeadOfItsFrame) {
  ConnectionMeter meter(kLimits, /*stranger=*/false);
  ASSERT_TRUE(meter.Take(kPreface + Frame(kHeaders, 60)));
  EXPECT_FALSE(meter.Take(Frame(kContinuation, 41).substr(0, 9)));
  EXPECT_FALSE(meter.Take(Frame(kData, 1))) << "it stays refused";
  EXPECT_FALSE(ConnectionMeter(kLimits, false).Take(kPreface + Frame(kHeaders, 101)));
}

TEST(ConnectionMeter, OtherFramesDoNotEndABlock) {
  ConnectionMeter meter(kLimits, /*stranger=*/false);
  EXPECT_FALSE(meter.Take(kPreface + Frame(kHeaders, 60) + Frame(kData, 5) + Frame(kSettings, 0) +
                          Frame(kContinuation, 60)));
}

TEST(ConnectionMeter, CountsFrames) {
  ConnectionMeter meter(kLimits, /*stranger=*/false);
  EXPECT_TRUE(meter.Take(kPreface + Frame(kHeaders, 1) + Frame(kContinuation, 0) +
                         Frame(kContinuation, 0)));
  EXPECT_FALSE(meter.Take(Frame(kContinuation, 0)));
}

TEST(ConnectionMeter, BytesMayBeCutAnywhere) {
  const std::string bytes = kPreface + Frame(kSettings, 0) + Frame(kHeaders, 50) +
                            Frame(kContinuation, 50) + Frame(kHeaders, 60) +
                            Frame(kContinuation, 41);
  const size_t last_head = bytes.size() - 41 - 1;  // its last byte
  for (size_t step = 1; step < bytes.size(); ++step) {
    ConnectionMeter meter(kLimits, /*stranger=*/false);
    for (size_t at = 0; at < bytes.size(); at += step) {
      const bool whole = at + step > last_head;
      ASSERT_EQ(meter.Take(bytes.substr(at, step)), !whole) << step << " " << at;
    }
  }
}

TEST(ConnectionMeter, BoundsTheDataOfAStrangersOpenCalls) {
  ConnectionMeter meter(kLimits, /*stranger=*/true);
  EXPECT_TRUE(meter.Take(kPreface + Frame(kData, 600, 1) + Frame(kData, 400, 3)));
  EXPECT_FALSE(meter.Take(Frame(kData, 1, 5).substr(0, 9)));
}

TEST(ConnectionMeter, ForgetsTheCallsThatAStrangerEnds) {
  ConnectionMeter meter(kLimits, /*stranger=*/true);
  ASSERT_TRUE(meter.Take(kPreface));
  for (char stream = 1; stream < 100; stream += 2) {
    EXPECT_TRUE(meter.Take(Frame(kData, 500, stream)));
    switch (stream % 3) {
      case 0:
        EXPECT_TRUE(meter.Take(Frame(kReset, 4, stream)));
        break;
      case 1:
        EXPECT_TRUE(meter.Take(Frame(kData, 500, stream, kEndStream)));
        break;
      default:
        EXPECT_TRUE(meter.Take(Frame(kHeaders, 5, stream, kEndStream)));
    }
  }
}

TEST(ConnectionMeter, BoundsTheCallsThatAStrangerLeavesOpen) {
  ConnectionMeter meter(kLimits, /*stranger=*/true);
  ASSERT_TRUE(meter.Take(kPreface));
  for (const char stream : {1, 3, 5, 7}) EXPECT_TRUE(meter.Take(Frame(kData, 0, stream)));
  EXPECT_TRUE(meter.Take(Frame(kData, 0, 7)));
  EXPECT_FALSE(meter.Take(Frame(kData, 0, 9)));
}

TEST(ConnectionMeter, WhoIsLetInMaySendWhatItLikes) {
  ConnectionMeter meter(kLimits, /*stranger=*/true);
  ASSERT_TRUE(meter.Take(kPreface + Frame(kData, 900)));
  meter.LetIn();
  for (char stream = 1; stream < 20; ++stream) {
    EXPECT_TRUE(meter.Take(Frame(kData, 70'000, stream)));
  }
  EXPECT_FALSE(meter.Take(Frame(kHeaders, 101))) << "but not any header fields";
}

}  // namespace
}  // namespace longbow::transport
