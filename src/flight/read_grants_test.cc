#include "flight/read_grants.h"

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

FlightPath Path(std::vector<std::string> parts) { return *FlightPath::Make(std::move(parts)); }

TEST(ReadGrants, AreForOneCallerAndOneRevision) {
  ReadGrants grants;
  const FlightPath path = Path({"cache", "result", "x"});
  grants.Add("ann", path, 3);
  EXPECT_TRUE(grants.Has("ann", path, 3));
  EXPECT_FALSE(grants.Has("bob", path, 3));
  EXPECT_FALSE(grants.Has("ann", path, 4));
  EXPECT_FALSE(grants.Has("ann", Path({"cache", "result", "y"}), 3));
}

TEST(ReadGrants, TheOldestMakeWay) {
  ReadGrants grants(2);
  for (int64_t revision : {1, 2, 2, 3}) grants.Add("ann", Path({"a"}), revision);
  EXPECT_FALSE(grants.Has("ann", Path({"a"}), 1));
  EXPECT_TRUE(grants.Has("ann", Path({"a"}), 2));
  EXPECT_TRUE(grants.Has("ann", Path({"a"}), 3));
}

TEST(ReadGrants, NobodyWritesWhereCachedResultsLie) {
  EXPECT_EQ(ErrorCodeOf(CheckNotCachePath(Path({"cache", "result", "x"}))),
            ErrorCode::kBadArgument);
  EXPECT_TRUE(CheckNotCachePath(Path({"cache", "other"})).ok());
  EXPECT_TRUE(CheckNotCachePath(Path({"reports"})).ok());
}

}  // namespace
}  // namespace longbow::flight
