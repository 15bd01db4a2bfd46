#include "transport/connection_meter.h"

#include <algorithm>
#include <cstring>

namespace longbow::transport {
namespace {

// RFC 9113, 6.1 to 6.10.
constexpr unsigned char kData = 0x0;
constexpr unsigned char kHeaders = 0x1;
constexpr unsigned char kRstStream = 0x3;
constexpr unsigned char kContinuation = 0x9;
constexpr unsigned char kEndStream = 0x1;

}  // namespace

bool ConnectionMeter::Take(std::string_view bytes) {
  if (!stranger_calls_.empty() && !stranger()) stranger_calls_ = {};
  while (!refused_ && !bytes.empty()) {
    if (skip_ > 0) {
      const size_t skipped = std::min(skip_, bytes.size());
      skip_ -= skipped;
      bytes.remove_prefix(skipped);
      continue;
    }
    const size_t taken = std::min(head_.size() - head_bytes_, bytes.size());
    std::memcpy(head_.data() + head_bytes_, bytes.data(), taken);
    head_bytes_ += taken;
    bytes.remove_prefix(taken);
    if (head_bytes_ < head_.size()) break;
    head_bytes_ = 0;
    refused_ = !TakeHead();
  }
  return !refused_;
}

bool ConnectionMeter::TakeHead() {
  skip_ = size_t{head_[0]} << 16 | size_t{head_[1]} << 8 | size_t{head_[2]};
  const auto length = static_cast<int64_t>(skip_);
  const uint32_t stream = uint32_t{head_[5]} << 24 | uint32_t{head_[6]} << 16 |
                          uint32_t{head_[7]} << 8 | uint32_t{head_[8]};
  const unsigned char type = head_[3];
  const bool may_come = type == kData           ? TakeData(stream, length)
                        : type == kHeaders      ? TakeHeaderFrame(length)
                        : type == kContinuation ? TakeHeaderFrame(length)
                                                : true;
  // What else may not stand where it stands is for who reads the connection to refuse.
  const bool ends = (type == kData || type == kHeaders) && (head_[4] & kEndStream) != 0;
  if (ends || type == kRstStream) Forget(stream);
  return may_come;
}

bool ConnectionMeter::TakeHeaderFrame(int64_t length) {
  if (head_[3] == kHeaders) {
    block_bytes_ = 0;
    block_frames_ = 0;
  }
  block_bytes_ += length;
  return block_bytes_ <= limits_.max_block_bytes && ++block_frames_ <= limits_.max_block_frames;
}

bool ConnectionMeter::TakeData(uint32_t stream, int64_t length) {
  if (!stranger()) return true;
  stranger_calls_[stream] += length;
  stranger_bytes_ += length;
  return stranger_bytes_ <= limits_.max_stranger_bytes &&
         stranger_calls_.size() <= limits_.max_stranger_calls;
}

void ConnectionMeter::Forget(uint32_t stream) {
  const auto found = stranger_calls_.find(stream);
  if (found == stranger_calls_.end()) return;
  stranger_bytes_ -= found->second;
  stranger_calls_.erase(found);
}

}  // namespace longbow::transport
