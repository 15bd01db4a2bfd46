/// \file
/// Conditions on columns, typed and ready for Arrow.
#pragma once

#include <memory>
#include <vector>

#include <arrow/compute/expression.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "read_request.h"

namespace longbow::connector {

/// A value of the column's type. Integers, dates, times and decimals may be given as texts, as JSON
/// demands; a time without a zone, for a column with one, is UTC. Pure.
/// Errors: BAD_ARGUMENT, naming column, type and value.
arrow::Result<std::shared_ptr<arrow::Scalar>> TypedValue(const arrow::Field& column,
                                                         const Value& value);

/// The condition that all `filters` hold; true where there are none. Pure.
/// Errors: BAD_ARGUMENT for a column that `schema` does not have, or a value that does not fit.
arrow::Result<arrow::compute::Expression> MakeFilterExpression(const std::vector<Filter>& filters,
                                                               const arrow::Schema& schema);

}  // namespace longbow::connector
