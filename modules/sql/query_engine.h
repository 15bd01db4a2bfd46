/// \file
/// DuckDB instances, one to a running query: each has a memory limit, threads and a spill folder of
/// its own. To make one takes 15 ms and more, so idle ones are kept for the next query; nothing of
/// a query stays in an instance, as the statements that could leave something are refused.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "spill_folder.h"

// DuckDB's headers take seconds, and who makes an engine needs none of them.
namespace duckdb {
class DuckDB;
}

namespace longbow::sql {

/// The limits of queries.
struct EngineOptions {
  /// Of one query, in bytes; what exceeds it is spilled.
  int64_t query_memory_limit = int64_t{2} << 30;
  /// Of one query, in bytes on disk. 0: no spilling.
  int64_t query_spill_limit = int64_t{64} << 30;
  /// Threads that work on one query; 0: as many as the machine has cores.
  int64_t query_threads = 0;
  /// Queries at a time, those included whose readers have stopped reading.
  int64_t max_queries = 64;
  /// A query's text. To plan one takes more than linear time, and can hardly be interrupted.
  int64_t max_query_bytes = 1 << 20;
  /// Instances kept for the next query.
  int64_t max_idle_instances = 8;
  /// Where the folder that holds the queries' spill folders is made.
  std::string spill_folder = "/tmp";
};

class QueryEngine;

/// A DuckDB instance, ready for one query.
struct EngineInstance;

/// The right to use an instance for one query. Gives it back when destroyed: all connections and
/// results of the instance must be gone by then. Movable; for one thread at a time.
class EngineLease {
 public:
  EngineLease(std::shared_ptr<QueryEngine> engine, std::unique_ptr<EngineInstance> instance);
  EngineLease(EngineLease&&) noexcept;
  EngineLease& operator=(EngineLease&&) = delete;
  ~EngineLease();

  duckdb::DuckDB& database();
  /// The instance is not to be used again: something went wrong inside DuckDB.
  void Discard() { discard_ = true; }

 private:
  std::shared_ptr<QueryEngine> engine_;
  std::unique_ptr<EngineInstance> instance_;
  bool discard_ = false;
};

/// Makes, lends and keeps instances. Thread-safe.
class QueryEngine : public std::enable_shared_from_this<QueryEngine> {
 public:
  /// Errors: BAD_ARGUMENT where nothing can be spilled to the folder.
  static arrow::Result<std::shared_ptr<QueryEngine>> Make(EngineOptions options);
  ~QueryEngine();

  /// An idle instance, or a new one. Blocks for the milliseconds that a new one takes.
  /// Errors: BACKPRESSURE when `max_queries` run already; INTERNAL_ERROR where DuckDB does not
  /// start.
  arrow::Result<EngineLease> Acquire();

  const EngineOptions& options() const { return options_; }
  int64_t running() const;
  int64_t idle() const;
  /// What all instances have in their buffers now, in bytes. Takes microseconds.
  int64_t memory_bytes() const;
  /// What queries may have in their buffers if as many run as may run, in bytes.
  int64_t memory_limit_bytes() const;

 private:
  friend class EngineLease;

  QueryEngine(EngineOptions options, std::unique_ptr<SpillFolder> spill_folder);

  arrow::Result<std::unique_ptr<EngineInstance>> MakeInstance();
  void Release(std::unique_ptr<EngineInstance> instance, bool discard);

  const EngineOptions options_;
  /// Null where nothing may be spilled.
  const std::unique_ptr<SpillFolder> spill_folder_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<EngineInstance>> idle_;
  /// All that there are, idle or lent.
  std::set<EngineInstance*> instances_;
  int64_t running_ = 0;
  int64_t made_ = 0;
};

}  // namespace longbow::sql
