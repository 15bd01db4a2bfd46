// The module `storage`: flights stored in memory.

#include <memory>
#include <string>

#include <longbow/module.h>

#include "memory_flight_store.h"
#include "storage_service.h"

namespace longbow::storage {

class StorageModule : public Module {
 public:
  std::vector<SettingsSection> SettingsSections() const override {
    SettingSpec limit;
    limit.name = "memory_limit";
    limit.type = SettingType::kBytes;
    limit.default_value = int64_t{2'000'000'000};
    limit.summary =
        "The memory that stored flights may take, with those being put and old ones still being "
        "read; when it is reached, puts get BACKPRESSURE.";
    limit.unit = "bytes";
    limit.min = 1 << 20;
    return {{.name = "storage",
             .summary = "Stored flights: what the node keeps under paths.",
             .settings = {limit}}};
  }

  arrow::Status Register(const ModuleContext& context, Registrar& registrar) override {
    MemoryFlightStore::Options options;
    options.memory_limit = context.settings.GetInt("storage", "memory_limit");
    options.memory_pool = context.memory_pool;
    ARROW_RETURN_NOT_OK(
        registrar.SetFlightStore(std::make_shared<MemoryFlightStore>(options, context.clock)));
    ARROW_RETURN_NOT_OK(registrar.AddService(std::make_shared<StorageService>()));
    context.logger.Info("flights are stored in memory",
                        {{"memory_limit", SizeText(options.memory_limit)}});
    return arrow::Status::OK();
  }
};

}  // namespace longbow::storage

LONGBOW_MODULE(longbow::storage::StorageModule, "storage", "0.1.0")
