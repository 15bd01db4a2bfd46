#include <longbow/module.h>

namespace longbow {

arrow::Status Module::Start() { return arrow::Status::OK(); }

}  // namespace longbow
