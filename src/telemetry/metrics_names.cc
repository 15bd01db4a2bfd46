#include "telemetry/metrics_names.h"

#include <cmath>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow::telemetry {
namespace {

bool IsLetterOrUnderscore(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The rule that names of metrics and of labels share. A colon, which Prometheus knows, is for rules
// that a Prometheus server records.
bool IsName(std::string_view name) {
  if (name.empty() || IsDigit(name.front())) return false;
  for (char c : name) {
    if (!IsLetterOrUnderscore(c) && !IsDigit(c)) return false;
  }
  return true;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

arrow::Status CheckLabelName(const std::string& name) {
  if (name.size() > kMaxLabelNameBytes || !IsName(name)) {
    return MakeError(ErrorCode::kBadArgument,
                     "a label's name is not made of letters, digits and _, or is longer than " +
                         std::to_string(kMaxLabelNameBytes) + " bytes");
  }
  if (name == "le" || name == "quantile" || name.starts_with("__")) {
    return MakeError(ErrorCode::kBadArgument,
                     "the label " + name + " is Prometheus' own: give it another name");
  }
  return arrow::Status::OK();
}

// Valid UTF-8 without control characters, except for newlines where they are kept.
std::string CleanText(std::string_view text, size_t max_bytes, bool keep_newlines) {
  // Three bytes more than are kept: then each character that begins in what is kept is whole.
  const std::string valid = ReplaceInvalidUtf8(text.substr(0, max_bytes + 3));
  std::string clean(CutToBytes(valid, max_bytes));
  for (char& c : clean) {
    if (IsControl(c) && !(keep_newlines && c == '\n')) c = ' ';
  }
  return clean;
}

}  // namespace

arrow::Status CheckMetricName(std::string_view name, MetricKind kind) {
  if (name.size() > kMaxMetricNameBytes || !IsName(name)) {
    return MakeError(ErrorCode::kBadArgument,
                     "its name is not made of letters, digits and _, begins with a digit, or is "
                     "longer than " +
                         std::to_string(kMaxMetricNameBytes) + " bytes");
  }
  const bool is_total = name.ends_with("_total");
  if (kind == MetricKind::kCounter && !is_total) {
    return MakeError(ErrorCode::kBadArgument, "a counter's name must end in _total");
  }
  if (kind != MetricKind::kCounter && is_total) {
    return MakeError(ErrorCode::kBadArgument, "only a counter's name may end in _total");
  }
  return arrow::Status::OK();
}

arrow::Status CheckBuckets(const std::vector<double>& buckets) {
  if (buckets.empty() || buckets.size() > kMaxBuckets) {
    return MakeError(ErrorCode::kBadArgument, "a histogram needs 1 to " +
                                                  std::to_string(kMaxBuckets) + " buckets, not " +
                                                  std::to_string(buckets.size()));
  }
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (!std::isfinite(buckets[i]) || (i > 0 && buckets[i] <= buckets[i - 1])) {
      return MakeError(ErrorCode::kBadArgument,
                       "the upper bounds of its buckets must be finite and grow: the one without "
                       "an end is always there");
    }
  }
  return arrow::Status::OK();
}

arrow::Result<MetricLabels> CleanLabels(const MetricLabels& labels) {
  if (labels.size() > kMaxLabels) {
    return MakeError(ErrorCode::kBadArgument, "it has " + std::to_string(labels.size()) +
                                                  " labels, more than " +
                                                  std::to_string(kMaxLabels));
  }
  MetricLabels clean;
  for (const auto& [name, value] : labels) {
    ARROW_RETURN_NOT_OK(CheckLabelName(name));
    std::string shown = CleanText(value, kMaxLabelValueBytes, true);
    if (!shown.empty()) clean.emplace(name, std::move(shown));
  }
  return clean;
}

std::string CleanHelp(std::string_view help) { return CleanText(help, kMaxHelpBytes, false); }

std::string ModulePrefix(std::string_view module) {
  std::string prefix = "longbow_";
  for (char c : module.substr(0, kMaxModuleNameBytes)) {
    prefix += IsLetterOrUnderscore(c) || IsDigit(c) ? c : '_';
  }
  return prefix + "_";
}

}  // namespace longbow::telemetry
