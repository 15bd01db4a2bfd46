/// \file
/// Where stored flights live: put once, immutable, read many times.
///
/// A store is provided by a module; the server sends to it what concerns flights by path, and the
/// results of commands with a sink. `longbow/testing/flight_store_contract.h` is the suite that
/// every implementation passes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/flight_path.h>

namespace longbow {

/// An Arrow IPC message in the form in which it goes out: metadata (a flatbuffer, without length or
/// padding) and body parts, each shared, never copied. When sent, each part is padded to 8 bytes.
struct IpcMessage {
  std::shared_ptr<arrow::Buffer> metadata;
  /// Null where the part is empty.
  std::vector<std::shared_ptr<arrow::Buffer>> body;
  /// The sum of the padded parts.
  int64_t body_bytes = 0;
  /// Rows of a record batch; 0 of a schema or a dictionary.
  int64_t rows = 0;
};

/// What is to happen when the path is taken.
enum class IfExists { kError, kReuse, kReplace };

/// What the catalog knows of a revision of a path.
struct StoredFlightInfo {
  FlightPath path;
  /// Grows with every change of the store; names this very flight for ever.
  int64_t revision = 0;
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  /// Bytes that it occupies, as counted against the limit.
  int64_t bytes = 0;
  WallTime created;
  /// Not there any more after this; nothing: stays.
  std::optional<WallTime> expires;
};

/// One revision, kept for as long as somebody holds it, whatever happens to its path. Thread-safe.
class StoredFlight {
 public:
  virtual ~StoredFlight() = default;
  virtual const StoredFlightInfo& info() const = 0;
  /// The batches, for reading in this process without a copy. Does not block for long.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() const = 0;
  /// The schema message, which is at hand and does not block, then dictionaries and batches in
  /// order, each near 1 MiB: what DoGet sends.
  virtual int64_t message_count() const = 0;
  virtual arrow::Result<std::shared_ptr<const IpcMessage>> message(int64_t index) const = 0;
};

/// Data on its way in. For one thread at a time; may block. Destroying one that is not committed
/// aborts it and leaves no trace.
class FlightPut {
 public:
  virtual ~FlightPut() = default;
  /// Errors: BACKPRESSURE when nothing more can be stored now, RESOURCE_EXHAUSTED when the flight
  /// alone is more than the store holds, BAD_ARGUMENT for a batch of another schema. After an error
  /// only destroying is left.
  virtual arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) = 0;
  /// Makes all of it visible at once. After it, `Append` must not be called.
  /// Errors: ALREADY_EXISTS where somebody else was first, BACKPRESSURE.
  virtual arrow::Result<StoredFlightInfo> Commit() = 0;
};

/// What is to be put.
struct PutRequest {
  FlightPath path;
  std::shared_ptr<arrow::Schema> schema;
  IfExists if_exists = IfExists::kError;
  /// Life from the commit on; nothing: the store's own rule.
  std::optional<int64_t> ttl_sec = {};
};

/// Stored flights of a node. Thread-safe. `Find`, `List` and `revision` do not block: they answer
/// from memory.
class FlightStore {
 public:
  virtual ~FlightStore() = default;

  /// Begins a put.
  /// Errors: ALREADY_EXISTS at once when the path is taken and `if_exists` is `kError`. `kReuse` is
  /// the caller's business (it asks `Find` first); here it behaves like `kError`.
  virtual arrow::Result<std::unique_ptr<FlightPut>> BeginPut(PutRequest request) = 0;

  /// Whether `BeginPut` and its puts may block, as those on a disk do: then they run on the node's
  /// workers. Where they do not, they run where the data arrives.
  virtual bool puts_block() const { return true; }

  /// The flight under `path`, at its newest revision or at `revision`; null where there is none.
  virtual std::shared_ptr<const StoredFlight> Find(const FlightPath& path,
                                                   std::optional<int64_t> revision = {}) const = 0;

  /// At most `limit` flights below `prefix` (empty: all), in the order of their paths.
  virtual std::vector<StoredFlightInfo> List(const std::vector<std::string>& prefix,
                                             int64_t limit) const = 0;

  /// Deletes what is there of `paths`, in one step, and returns how many there were.
  virtual arrow::Result<int64_t> Delete(const std::vector<FlightPath>& paths) = 0;
  /// Deletes all below `prefix` (not empty), in one step, and returns how many there were.
  virtual arrow::Result<int64_t> DeletePrefix(const std::vector<std::string>& prefix) = 0;

  /// The revision of the newest change, 0 before the first.
  virtual int64_t revision() const = 0;

  /// What is stored, and how much may be; zeros where the store does not count. For people.
  struct Usage {
    int64_t flights = 0;
    int64_t bytes = 0;
    int64_t limit_bytes = 0;  ///< 0: none
  };
  virtual Usage usage() const { return {}; }
};

}  // namespace longbow
