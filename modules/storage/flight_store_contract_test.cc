// The suite of all stores, on the one in memory.

#include <longbow/testing/flight_store_contract.h>

#include "memory_flight_store.h"

namespace longbow::testing {

INSTANTIATE_TEST_SUITE_P(
    Memory, FlightStoreContract, ::testing::Values([](const FlightStoreSetup& setup) {
      return std::make_shared<storage::MemoryFlightStore>(
          storage::MemoryFlightStore::Options{.memory_limit = setup.limit_bytes}, *setup.clock);
    }));

}  // namespace longbow::testing
