/// \file
/// Names that callers write, and what they meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::connector {

/// The index of the column `name`.
/// \param user who names it, for the message, such as "a filter"
/// Errors: BAD_ARGUMENT, with the nearest column; also where several columns have the name.
arrow::Result<int> FindColumn(const arrow::Schema& schema, const std::string& name,
                              std::string_view user);

/// The ending of a message about an unknown `name`: what it may have been, or a few of what there
/// is.
std::string Suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace longbow::connector
