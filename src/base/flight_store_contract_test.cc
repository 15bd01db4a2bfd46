// The contract of flight stores, tried on the fake one.

#include <longbow/testing/fake_flight_store.h>
#include <longbow/testing/flight_store_contract.h>

namespace longbow::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Fake, FlightStoreContract,
                         ::testing::Values([](const FlightStoreSetup& setup) {
                           return std::make_shared<FakeFlightStore>(setup.clock, setup.limit_bytes);
                         }));

}  // namespace
}  // namespace longbow::testing
