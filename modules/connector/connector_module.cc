// The module `connector`: reads files.

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <arrow/compute/initialize.h>

#include <longbow/module.h>

#include "connector_service.h"
#include "file_source.h"
#include "source_config.h"
#include "source_fragment.h"

namespace longbow::connector {

class ConnectorModule : public Module {
 public:
  std::vector<SettingsSection> SettingsSections() const override { return {SourceSettings()}; }

  arrow::Status Register(const ModuleContext& context, Registrar& registrar) override {
    // The functions that filters call.
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    FileSourceContext shared;
    shared.memory_pool = context.memory_pool;
    ARROW_ASSIGN_OR_RAISE(shared.blocking_executor, MakeBlockingExecutor());
    std::map<std::string, std::unique_ptr<Source>> sources;
    for (const auto& [name, table] : context.settings.GetRepeated("connector.source")) {
      ARROW_ASSIGN_OR_RAISE(auto config, ParseSourceConfig(name, table));
      WarnIfAbsent(config, context.logger);
      sources[name] = std::make_unique<FileSource>(std::move(config), shared);
    }
    return registrar.AddService(std::make_shared<ConnectorService>(std::move(sources)));
  }

 private:
  static void WarnIfAbsent(const FileSourceConfig& config, Logger& logger) {
    auto files = FindSourceFiles(config, {});
    if (files.ok()) return;
    logger.Warning(
        "a source cannot be read now; its commands fail until it can",
        {{"source", config.name}, {"path", config.path}, {"problem", files.status().message()}});
  }
};

}  // namespace longbow::connector

LONGBOW_MODULE(longbow::connector::ConnectorModule, "connector", "0.1.0")
