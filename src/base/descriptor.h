/// \file
/// The owner of a file descriptor. Like any value: one thread at a time.
#pragma once

namespace longbow {

/// An open file descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int fd() const { return fd_; }  ///< -1: none
  /// Gives it away, open; nothing is left here. -1: there was none.
  int Release();

 private:
  int fd_ = -1;
};

}  // namespace longbow
