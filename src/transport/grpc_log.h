/// \file
/// Where gRPC's own log lines go.
#pragma once

#include <longbow/log.h>

namespace longbow::transport {

/// Sends what gRPC logs, such as handshakes that failed, to a logger for as long as it lives; at
/// most `kMostLinesPerSec`, since clients can cause them at will. gRPC has one log for the process:
/// where there are several of these, the newest one that lives gets the lines.
class GrpcLog {
 public:
  static constexpr int kMostLinesPerSec = 10;

  /// `logger` outlives it; null: the lines are dropped.
  explicit GrpcLog(Logger* logger);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;
};

}  // namespace longbow::transport
