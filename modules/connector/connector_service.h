/// \file
/// The service `connector`: reads the sources of the settings.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <longbow/service.h>

#include "source.h"

namespace longbow::connector {

/// Thread-safe.
class ConnectorService : public Service {
 public:
  explicit ConnectorService(std::map<std::string, std::unique_ptr<Source>> sources);

  const ServiceDescription& description() const override { return description_; }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) override;
  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ExecuteRequest& request) override;
  arrow::Result<std::vector<Listing>> List(int64_t limit) override;

 private:
  arrow::Result<Source*> FindSource(const Value::Object& fields) const;

  ServiceDescription description_;
  std::map<std::string, std::unique_ptr<Source>> sources_;
};

}  // namespace longbow::connector
