/// \file
/// From a descriptor to its rows: runs a command with polling, and reads the endpoints it names.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include "client_connection.h"
#include "client_interrupt.h"
#include "client_progress.h"

namespace arrow::flight {
class FlightInfo;
class FlightStreamReader;
struct FlightDescriptor;
struct FlightEndpoint;
}  // namespace arrow::flight

namespace longbow::client {

/// Runs descriptors. An interrupt while one runs cancels it on the server. One thread at a time.
class Query {
 public:
  /// All outlive it. `interrupts` may be null.
  Query(Connection* connection, InterruptGuard* interrupts, Progress* progress);
  ~Query();

  /// Blocks until the flight is known: of a command with a sink until it is stored, else until its
  /// first rows can be read. Polls (PollFlightInfo); asks a server that cannot with GetFlightInfo.
  /// When the time limit ends first, the command is cancelled.
  arrow::Status Run(const arrow::flight::FlightDescriptor& descriptor);

  /// After `Run`.
  const arrow::flight::FlightInfo& info() const { return *info_; }

  /// The rows of all endpoints, one after the other. The reader must not outlive the query.
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> OpenRows();

  /// Cancels on the server what `Run` started, if anything. Blocks up to two seconds.
  void Cancel();

 private:
  arrow::Status Poll(const arrow::flight::FlightDescriptor& descriptor);
  void Know(std::unique_ptr<arrow::flight::FlightInfo> info);

  Connection* connection_;
  Progress* progress_;
  std::mutex mutex_;
  std::condition_variable known_;
  /// A poll is under way and nothing is known yet.
  bool starting_ = false;
  /// A command, not a path: there is something to cancel.
  bool cancellable_ = false;
  std::shared_ptr<const arrow::flight::FlightInfo> info_;
  InterruptGuard::Cleanup cleanup_;
};

}  // namespace longbow::client
