#include "base/descriptor.h"

#include <unistd.h>

#include <utility>

namespace longbow {

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

int Descriptor::Release() { return std::exchange(fd_, -1); }

}  // namespace longbow
