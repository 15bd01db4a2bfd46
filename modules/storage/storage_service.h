/// \file
/// The service `storage`: it tells that this node stores flights.
#pragma once

#include <memory>

#include <longbow/service.h>

namespace longbow::storage {

/// Answers no commands: stored flights are addressed by their path. Thread-safe.
class StorageService : public Service {
 public:
  StorageService();
  const ServiceDescription& description() const override { return description_; }
  /// Errors: always BAD_ARGUMENT.
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) override;

 private:
  ServiceDescription description_;
};

}  // namespace longbow::storage
