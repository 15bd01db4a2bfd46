// The module `sql`: its settings, and the service.

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <longbow/module.h>

#include "query_engine.h"
#include "sql_service.h"

namespace longbow::sql {
namespace {

constexpr const char* kSection = "sql";

SettingsSection Section() {
  SettingsSection section;
  section.name = kSection;
  section.summary = "The service that runs SQL over the inputs of a command.";
  section.settings = {
      {.name = "query_memory_limit",
       .type = SettingType::kBytes,
       .default_value = "2GiB",
       .summary =
           "Memory that one query may use before it spills to disk; its inputs do not count.",
       .unit = "bytes",
       .min = 32 << 20,
       .max = 1e15},
      {.name = "query_spill_limit",
       .type = SettingType::kBytes,
       .default_value = "64GiB",
       .summary =
           "Disk space that one query may use for what does not fit into its memory; 0 turns "
           "spilling off, and such a query fails.",
       .unit = "bytes",
       .min = 0,
       .max = 1e15},
      {.name = "query_threads",
       .type = SettingType::kInt,
       .default_value = int64_t{0},
       .summary =
           "Threads that work on one query; 0 takes as many as the machine has cores. Lower it "
           "where many queries run at a time.",
       .min = 0,
       .max = 1024},
      {.name = "max_queries",
       .type = SettingType::kInt,
       .default_value = int64_t{64},
       .summary =
           "Queries at a time, those included whose results are being read; one more is refused "
           "with BACKPRESSURE.",
       .min = 1,
       .max = 10000},
      {.name = "max_query_bytes",
       .type = SettingType::kBytes,
       .default_value = "1MiB",
       .summary =
           "How long the text of a query may be; planning a very long one keeps a thread busy, and "
           "cannot be interrupted at every point.",
       .unit = "bytes",
       .min = 1024,
       .max = 64 << 20},
      {.name = "max_idle_instances",
       .type = SettingType::kInt,
       .default_value = int64_t{8},
       .summary =
           "DuckDB instances kept for the next query, each of about 5 MB; a query that finds "
           "none waits 15 ms for a new one.",
       .min = 0,
       .max = 1000},
      {.name = "spill_folder",
       .type = SettingType::kString,
       .default_value = Value(),
       .summary =
           "Where queries spill, each to a folder of its own that is removed after it; absent: "
           "the system's folder for temporary files."}};
  return section;
}

EngineOptions ReadOptions(const Settings& settings) {
  EngineOptions options;
  options.query_memory_limit = settings.GetInt(kSection, "query_memory_limit");
  options.query_spill_limit = settings.GetInt(kSection, "query_spill_limit");
  options.query_threads = settings.GetInt(kSection, "query_threads");
  options.max_queries = settings.GetInt(kSection, "max_queries");
  options.max_query_bytes = settings.GetInt(kSection, "max_query_bytes");
  options.max_idle_instances = settings.GetInt(kSection, "max_idle_instances");
  options.spill_folder = settings.GetString(kSection, "spill_folder");
  if (options.spill_folder.empty()) {
    std::error_code ignored;  // Where there is none, making the folder inside fails and says so.
    options.spill_folder = std::filesystem::temp_directory_path(ignored).string();
  }
  return options;
}

// The functions keep no engine alive: it removes its spill folder when the service goes.
void Measure(const std::shared_ptr<QueryEngine>& engine, Metrics* metrics) {
  const auto add = [&](const char* name, const char* help, int64_t (QueryEngine::*value)() const) {
    metrics->AddGaugeFunction(name, help, [weak = std::weak_ptr<QueryEngine>(engine), value] {
      const auto alive = weak.lock();
      return alive ? static_cast<double>((*alive.*value)()) : 0.0;
    });
  };
  add("duckdb_memory_bytes", "What DuckDB has in its buffers, of all queries together",
      &QueryEngine::memory_bytes);
  add("duckdb_memory_limit_bytes",
      "What DuckDB's buffers may take if as many queries run as may run, before they spill",
      &QueryEngine::memory_limit_bytes);
}

class SqlModule final : public Module {
 public:
  std::vector<SettingsSection> SettingsSections() const override { return {Section()}; }

  arrow::Status Register(const ModuleContext& context, Registrar& registrar) override {
    ARROW_ASSIGN_OR_RAISE(auto engine, QueryEngine::Make(ReadOptions(context.settings)));
    Measure(engine, &context.metrics);
    return registrar.AddService(std::make_shared<SqlService>(std::move(engine)));
  }
};

}  // namespace
}  // namespace longbow::sql

LONGBOW_MODULE(longbow::sql::SqlModule, "sql", "1.0")
