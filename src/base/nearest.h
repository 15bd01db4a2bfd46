/// \file
/// "Did you mean": the nearest of the names that are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longbow {

/// The member of `known` that `name` was probably meant to be: by edit distance (a swap of
/// neighbours counts once), without regard to case; of equally near ones the first. Empty where
/// none is near. Pure and thread-safe.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

}  // namespace longbow
