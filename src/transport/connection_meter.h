/// \file
/// What a client makes a server hold before anybody knows who it is, read from the bytes of its
/// HTTP/2 connection as they come.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace longbow::transport {

struct ConnectionLimits {
  /// Of one header block, as it is encoded: a HEADERS frame and the CONTINUATION frames behind it.
  int64_t max_block_bytes = 256 * 1024;
  /// Frames that one block may be cut into. An empty one costs a client nothing.
  int max_block_frames = 64;
  /// Of a stranger: data of calls that it has not ended. Twice what gRPC lets a client send before
  /// anybody reads its call (a window of 4 MiB), so that who is let in soon is never cut off.
  int64_t max_stranger_bytes = 8 * 1024 * 1024;
  /// Of a stranger: calls with data that it has not ended.
  size_t max_stranger_calls = 4096;
};

/// Reads what a client sends from its first byte on: the preface, then the heads of frames (RFC
/// 9113, 3.4, 4.1, 6.1, 6.2, 6.4 and 6.10). `Take` is for one thread at a time; the rest is
/// thread-safe.
class ConnectionMeter {
 public:
  /// `stranger`: not let in yet.
  ConnectionMeter(ConnectionLimits limits, bool stranger) : limits_(limits), stranger_(stranger) {}

  /// A call of this client was let in.
  void LetIn() { stranger_.store(false, std::memory_order_relaxed); }

  /// Takes the next bytes, cut anywhere. False from the first byte on that tells of more than
  /// allowed: the connection is not to be read any further.
  bool Take(std::string_view bytes);

 private:
  static constexpr size_t kPrefaceBytes = 24;
  static constexpr size_t kFrameHeadBytes = 9;

  // Whether the frame may come.
  bool TakeHead();
  bool TakeHeaderFrame(int64_t length);
  bool TakeData(uint32_t stream, int64_t length);
  /// The stranger sends no more on it.
  void Forget(uint32_t stream);
  bool stranger() const { return stranger_.load(std::memory_order_relaxed); }

  const ConnectionLimits limits_;
  std::atomic<bool> stranger_;
  size_t skip_ = kPrefaceBytes;  // bytes that come before the next head
  std::array<unsigned char, kFrameHeadBytes> head_{};
  size_t head_bytes_ = 0;  // of head_, that are there
  int64_t block_bytes_ = 0;
  int block_frames_ = 0;
  bool refused_ = false;
  std::unordered_map<uint32_t, int64_t> stranger_calls_;  // bytes by stream
  int64_t stranger_bytes_ = 0;                            // their sum
};

}  // namespace longbow::transport
