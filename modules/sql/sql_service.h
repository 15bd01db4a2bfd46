/// \file
/// The service `sql`: one query over the inputs of its command.
#pragma once

#include <memory>

#include <longbow/service.h>

namespace longbow::sql {

class QueryEngine;

class SqlService final : public Service {
 public:
  explicit SqlService(std::shared_ptr<QueryEngine> engine);

  const ServiceDescription& description() const override { return description_; }

  /// Returns once the query is planned; it then runs ahead of the reader by a few megabytes.
  /// Errors: as `QueryError`, the inputs' own, BACKPRESSURE when too many queries run.
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) override;

  /// Plans the query and runs nothing but what its inputs need for their own schemas.
  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ExecuteRequest& request) override;

 private:
  const ServiceDescription description_;
  const std::shared_ptr<QueryEngine> engine_;
};

}  // namespace longbow::sql
