#include "base/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include <gtest/gtest.h>

namespace longbow {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int OpenOne() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(DescriptorTest, IsClosedWithItsLastOwner) {
  const int fd = OpenOne();
  {
    Descriptor first(fd);
    Descriptor second(std::move(first));
    Descriptor third;
    third = std::move(second);
    EXPECT_EQ(third.fd(), fd);
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(DescriptorTest, AReplacedOneIsNotLeft) {
  const int fd = OpenOne();
  {
    Descriptor replaced(fd);
    replaced = Descriptor(OpenOne());
    EXPECT_NE(replaced.fd(), fd);
    EXPECT_FALSE(IsOpen(fd));
  }
}

TEST(DescriptorTest, AReleasedOneStaysOpen) {
  const int fd = OpenOne();
  {
    Descriptor owner(fd);
    EXPECT_EQ(owner.Release(), fd);
    EXPECT_EQ(owner.fd(), -1);
    EXPECT_EQ(owner.Release(), -1);
  }
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
}

}  // namespace
}  // namespace longbow
