/// \file
/// Takes received `FlightData` messages apart. Pure; trusts nothing of what it is given.
#pragma once

#include <cstdint>
#include <span>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "transport/call.h"

namespace longbow::transport {

/// Some bytes that somebody else owns.
using ByteSpan = std::span<const uint8_t>;

/// Parses the protobuf message `FlightData`, whose bytes lie in `slices` one after the other. Each
/// field is copied once, into 64-byte aligned memory of `pool`; nothing is allocated that the
/// message does not hold. Fields may come in any order; unknown ones are skipped.
///
/// Errors: BAD_ARGUMENT for what is no such message, or names a field twice; RESOURCE_EXHAUSTED
/// when `pool` has no memory.
arrow::Result<FlightDataMessage> ParseFlightData(std::span<const ByteSpan> slices,
                                                 arrow::MemoryPool* pool);

}  // namespace longbow::transport
