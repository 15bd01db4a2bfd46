/// \file
/// How large a message of Arrow's becomes when what is compressed in it is unpacked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace longbow::transport {

/// What one message says of its buffers.
struct UnpackedBytes {
  int64_t bytes = 0;                       ///< of all of them; 0 where nothing is compressed
  std::optional<int64_t> dictionary = {};  ///< its id, where they are of a dictionary
  bool adds_to_dictionary = false;         ///< that is there, instead of taking its place
};

/// Reads it from a message's header, a flatbuffer of the type `Message` (format/Message.fbs of
/// Apache Arrow), and its body; nothing where they are malformed. Trusts no byte of them.
std::optional<UnpackedBytes> ReadUnpackedBytes(std::string_view header, std::string_view body);

/// Adds the messages of one stream up. For one thread at a time.
class UnpackedSum {
 public:
  explicit UnpackedSum(int64_t limit) : limit_(limit) {}

  /// Whether the message, and the dictionaries that are kept with it, are within the limit.
  bool Take(const UnpackedBytes& message);

 private:
  const int64_t limit_;
  std::map<int64_t, int64_t> by_dictionary_;
  int64_t dictionaries_ = 0;  // their sum
};

}  // namespace longbow::transport
