#include <longbow/clock.h>

namespace longbow {

MonotonicTime SystemClock::Now() const { return std::chrono::steady_clock::now(); }
WallTime SystemClock::WallNow() const { return std::chrono::system_clock::now(); }

}  // namespace longbow
