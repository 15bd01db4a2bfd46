#include "column_names.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include <arrow/type.h>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

// Single-character changes, without regard to case.
size_t EditDistance(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (lower(a[i]) != lower(b[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

arrow::Result<int> FindColumn(const arrow::Schema& schema, const std::string& name,
                              std::string_view user) {
  const auto indices = schema.GetAllFieldIndices(name);
  if (indices.size() == 1) return indices[0];
  const std::string message = std::string(user) + " names the column '" + name + "', ";
  if (indices.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     message + "which does not exist" + Suggestion(name, schema.field_names()));
  }
  return MakeError(ErrorCode::kBadArgument,
                   message + "of which there are " + std::to_string(indices.size()));
}

std::string Suggestion(std::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kMostShown = 8;
  constexpr size_t kLongestCompared = 64;
  if (known.empty()) return "";
  std::string_view nearest;
  size_t best = std::min(name.size(), kLongestCompared) / 3 + 2;
  for (const auto& candidate : known) {
    if (name.size() > kLongestCompared || candidate.size() > kLongestCompared) continue;
    const size_t distance = EditDistance(name, candidate);
    if (distance == 0 || distance >= best || distance >= candidate.size()) continue;
    best = distance;
    nearest = candidate;
  }
  if (!nearest.empty()) return ": did you mean '" + std::string(nearest) + "'?";
  std::string text = "; there ";
  text += known.size() == 1 ? "is" : "are";
  for (size_t i = 0; i < std::min(known.size(), kMostShown); ++i) {
    text += (i == 0 ? " '" : ", '") + known[i] + "'";
  }
  if (known.size() > kMostShown)
    text += " and " + std::to_string(known.size() - kMostShown) + " more";
  return text;
}

}  // namespace longbow::connector
