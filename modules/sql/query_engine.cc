#include "query_engine.h"

#include <filesystem>
#include <limits>
#include <system_error>
#include <thread>

#include <duckdb/main/config.hpp>
#include <duckdb/main/extension_helper.hpp>
#include <duckdb/storage/buffer_manager.hpp>

#include <longbow/error.h>

#include "crash_guards.h"
#include "duckdb_error.h"
#include "input_scan.h"
#include "lockdown.h"

namespace longbow::sql {
namespace {

// An instance whose buffers are not empty after a query is not kept: its memory is the next one's.
constexpr duckdb::idx_t kMaxIdleBufferBytes = 16 << 20;

void SetOptions(const EngineOptions& options, const std::string& spill_path,
                duckdb::DBConfig* config) {
  const int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  const int64_t threads = options.query_threads > 0 ? options.query_threads : cores;
  auto set = [config](const char* name, duckdb::Value value) {
    config->SetOptionByName(name, value);
  };
  set("threads", duckdb::Value::BIGINT(threads));
  config->options.maximum_memory = static_cast<duckdb::idx_t>(options.query_memory_limit);
  if (!spill_path.empty()) {
    config->options.temporary_directory = spill_path;
  } else {
    config->options.use_temporary_directory = false;
  }
  // The extensions are linked in; those with functions that read files are left out.
  config->options.load_extensions = false;
  set("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
  set("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
  set("allow_community_extensions", duckdb::Value::BOOLEAN(false));
  set("allow_persistent_secrets", duckdb::Value::BOOLEAN(false));
  set("enable_external_access", duckdb::Value::BOOLEAN(false));
  // Planning takes the cube of an expression's depth, and cannot be interrupted: at DuckDB's own
  // 1000 it is minutes.
  set("max_expression_depth", duckdb::Value::UBIGINT(kMaxExpressionDepth));
  // So that an error comes with its position and kind, and not as a text to be parsed.
  set("errors_as_json", duckdb::Value::BOOLEAN(true));
}

}  // namespace

struct EngineInstance {
  std::unique_ptr<duckdb::DuckDB> database;
  /// Made by DuckDB when it first spills, removed with the instance; empty where it may not spill.
  std::string spill_path;
};

EngineLease::EngineLease(std::shared_ptr<QueryEngine> engine,
                         std::unique_ptr<EngineInstance> instance)
    : engine_(std::move(engine)), instance_(std::move(instance)) {}

EngineLease::EngineLease(EngineLease&&) noexcept = default;

EngineLease::~EngineLease() {
  if (instance_ != nullptr) engine_->Release(std::move(instance_), discard_);
}

arrow::Result<std::shared_ptr<QueryEngine>> QueryEngine::Make(EngineOptions options) {
  std::unique_ptr<SpillFolder> folder;
  if (options.query_spill_limit > 0) {
    ARROW_ASSIGN_OR_RAISE(folder, SpillFolder::Make(options.spill_folder));
  }
  return std::shared_ptr<QueryEngine>(new QueryEngine(std::move(options), std::move(folder)));
}

QueryEngine::QueryEngine(EngineOptions options, std::unique_ptr<SpillFolder> spill_folder)
    : options_(std::move(options)), spill_folder_(std::move(spill_folder)) {}

QueryEngine::~QueryEngine() = default;

duckdb::DuckDB& EngineLease::database() { return *instance_->database; }

int64_t QueryEngine::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

int64_t QueryEngine::idle() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(idle_.size());
}

int64_t QueryEngine::memory_bytes() const {
  // None of them ends while the lock is held, and each only reads a count.
  std::lock_guard lock(mutex_);
  int64_t bytes = 0;
  for (EngineInstance* instance : instances_) {
    bytes += static_cast<int64_t>(instance->database->instance->GetBufferManager().GetUsedMemory());
  }
  return bytes;
}

int64_t QueryEngine::memory_limit_bytes() const {
  int64_t bytes = 0;
  const bool too_many =
      __builtin_mul_overflow(options_.query_memory_limit, options_.max_queries, &bytes);
  return too_many ? std::numeric_limits<int64_t>::max() : bytes;
}

arrow::Result<EngineLease> QueryEngine::Acquire() {
  std::unique_ptr<EngineInstance> instance;
  {
    std::lock_guard lock(mutex_);
    if (running_ >= options_.max_queries) {
      return MakeError(ErrorCode::kBackpressure,
                       "All " + std::to_string(options_.max_queries) +
                           " SQL queries that may run at a time are running; try again later",
                       "The limit is the setting max_queries of [sql]. A query counts until its "
                       "result has been read to the end, or given up.");
    }
    ++running_;
    if (!idle_.empty()) {
      // The one used last: its memory is warm.
      instance = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (instance == nullptr) {
    auto made = MakeInstance();
    if (!made.ok()) {
      std::lock_guard lock(mutex_);
      --running_;
      return made.status();
    }
    instance = std::move(made).ValueUnsafe();
    std::lock_guard lock(mutex_);
    instances_.insert(instance.get());
  }
  return EngineLease(shared_from_this(), std::move(instance));
}

arrow::Result<std::unique_ptr<EngineInstance>> QueryEngine::MakeInstance() {
  int64_t number;
  {
    std::lock_guard lock(mutex_);
    number = ++made_;
  }
  try {
    auto instance = std::make_unique<EngineInstance>();
    if (spill_folder_ != nullptr) {
      instance->spill_path = spill_folder_->path() + "/" + std::to_string(number);
    }
    duckdb::DBConfig config;
    SetOptions(options_, instance->spill_path, &config);
    instance->database = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    GuardCasts(*instance->database->instance);
    for (const char* extension : {"core_functions", "json", "icu"}) {
      duckdb::ExtensionHelper::LoadExtension(*instance->database, extension);
    }
    if (!instance->spill_path.empty()) {
      instance->database->instance->GetBufferManager().SetSwapLimit(
          duckdb::optional_idx(static_cast<duckdb::idx_t>(options_.query_spill_limit)));
      // The one place on disk that DuckDB itself may touch.
      duckdb::DBConfig::GetConfig(*instance->database->instance)
          .AddAllowedDirectory(instance->spill_path);
    }
    RegisterInputScan(*instance->database);
    Lockdown(*instance->database);
    return instance;
  } catch (const std::exception& error) {
    return InternalError(duckdb::ErrorData(error), "DuckDB does not start");
  }
}

void QueryEngine::Release(std::unique_ptr<EngineInstance> instance, bool discard) {
  auto& buffers = instance->database->instance->GetBufferManager();
  std::error_code ignored;
  // What is on disk goes only with the instance.
  const bool spilled =
      !instance->spill_path.empty() && std::filesystem::exists(instance->spill_path, ignored);
  const bool keep = !discard && !spilled && buffers.GetUsedMemory() <= kMaxIdleBufferBytes;
  {
    std::lock_guard lock(mutex_);
    if (keep && static_cast<int64_t>(idle_.size()) < options_.max_idle_instances) {
      idle_.push_back(std::move(instance));
    } else {
      instances_.erase(instance.get());
    }
  }
  instance.reset();  // Outside the lock: it joins threads and may remove files.
  std::lock_guard lock(mutex_);
  --running_;
}

}  // namespace longbow::sql
