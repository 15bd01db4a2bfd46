#include <longbow/service.h>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

namespace longbow {

arrow::Status TaskContext::CancelledError() const {
  return MakeError(ErrorCode::kCommandCancelled, "Task " + task_id() + " was cancelled");
}

arrow::Result<std::shared_ptr<arrow::Schema>> Service::GetSchema(const ExecuteRequest&) {
  return std::shared_ptr<arrow::Schema>();
}

arrow::Result<std::unique_ptr<FlightPut>> Service::BeginPut(const Value::Object&,
                                                            const std::shared_ptr<arrow::Schema>&) {
  return MakeError(ErrorCode::kNotImplemented, "The service '" + description().name +
                                                   "' takes no data; put it under a path instead");
}

arrow::Result<std::vector<Service::Listing>> Service::List(int64_t) {
  return std::vector<Listing>();
}

}  // namespace longbow
