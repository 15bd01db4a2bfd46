#include "storage_service.h"

#include <arrow/record_batch.h>

#include <longbow/error.h>

namespace longbow::storage {

StorageService::StorageService() {
  description_.name = "storage";
  description_.version = "1";
  description_.summary =
      "Keeps flights under paths, in memory. It takes no commands: put, get, list and delete "
      "flights by their path.";
  description_.takes_inputs = false;
}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> StorageService::Execute(
    const ExecuteRequest& request) {
  return MakeError(ErrorCode::kBadArgument,
                   "stored flights are addressed by path: use a descriptor of type PATH, or an "
                   "input or sink with `path`, instead of a command of the service storage");
}

}  // namespace longbow::storage
