#include <longbow/module.h>

namespace longbow {

arrow::Status Module::Start() { return arrow::Status::OK(); }

void Module::ApplySettings(const Settings& /*settings*/) {}

}  // namespace longbow
