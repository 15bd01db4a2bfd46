/// \file
/// Between gRPC's byte buffers and ours. Pure. Only for the transport's own sources: pulls in gRPC.
#pragma once

#include <string>

#include <arrow/result.h>
#include <grpcpp/support/byte_buffer.h>

#include "transport/call.h"

namespace longbow::transport {

/// A buffer whose slices share the frame's parts and keep them alive.
grpc::ByteBuffer ToByteBuffer(Frame frame);

/// The bytes, copied. Errors: BAD_ARGUMENT when they cannot be decompressed.
arrow::Result<std::string> ToString(const grpc::ByteBuffer& buffer);

/// Parses a `FlightData` message; see `ParseFlightData`.
arrow::Result<FlightDataMessage> ToFlightData(const grpc::ByteBuffer& buffer,
                                              arrow::MemoryPool* pool);

}  // namespace longbow::transport
