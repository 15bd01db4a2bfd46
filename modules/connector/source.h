/// \file
/// What the service `connector` reads from: a source of the settings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/service.h>

#include "read_request.h"

namespace longbow::connector {

/// A source by its name in the settings. Thread-safe; everything may block.
class Source {
 public:
  virtual ~Source() = default;

  /// The schema of what `Read` would give, without reading the data.
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ReadRequest& request) = 0;

  /// Starts reading, and returns as soon as the schema is known.
  /// \param task ends the reading when it is cancelled; outlives the reader
  virtual arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Read(const ReadRequest& request,
                                                                        TaskContext& task) = 0;

  /// What can be got of the source, at most `limit` flights.
  virtual arrow::Result<std::vector<Service::Listing>> List(int64_t limit) = 0;
};

}  // namespace longbow::connector
