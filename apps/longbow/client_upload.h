/// \file
/// Puts streams of batches onto a node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_path.h>

#include "client_connection.h"
#include "client_interrupt.h"
#include "client_progress.h"
#include "flight_argument.h"

namespace longbow::client {

struct UploadOptions {
  FlightPath path;
  std::string if_exists;  ///< `error`, `reuse`, `replace`, or nothing
  std::optional<int64_t> ttl_sec;
};

/// What the server says of a put.
struct Receipt {
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t revision = 0;
  bool reused = false;  ///< The path was taken; nothing was stored.
};

/// Sends all of `reader`. All or nothing is stored. Blocks.
arrow::Result<Receipt> Upload(Connection* connection, arrow::RecordBatchReader* reader,
                              const UploadOptions& options, Progress* progress);

/// Local files made into flights below `tmp/` for the time of a query. They are deleted when this
/// is destroyed, when the user interrupts, and at the latest by the server, an hour after.
class TemporaryFlights {
 public:
  /// All outlive it.
  TemporaryFlights(Connection* connection, InterruptGuard* interrupts, Progress* progress);
  ~TemporaryFlights();

  /// Uploads the local files among `inputs` and puts their paths in place of them. Blocks.
  arrow::Status UploadFiles(std::vector<InputArgument>* inputs);

 private:
  void Delete();

  Connection* connection_;
  Progress* progress_;
  std::string folder_;
  bool used_ = false;
  InterruptGuard::Cleanup cleanup_;
};

}  // namespace longbow::client
