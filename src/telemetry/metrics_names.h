/// \file
/// What names, labels and texts of metrics may look like, so that a scrape always parses. All
/// functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/metrics.h>

namespace longbow::telemetry {

enum class MetricKind { kCounter, kGauge, kHistogram };

constexpr size_t kMaxMetricNameBytes = 128;  ///< without the prefix
constexpr size_t kMaxLabels = 10;            ///< of one series
constexpr size_t kMaxLabelNameBytes = 64;
constexpr size_t kMaxLabelValueBytes = 128;  ///< longer values are cut
constexpr size_t kMaxHelpBytes = 512;        ///< longer texts are cut
constexpr size_t kMaxBuckets = 40;           ///< of one histogram
constexpr size_t kMaxModuleNameBytes = 64;   ///< of the prefix; longer names are cut

/// Whether `name` (without its prefix) can be that of a metric of `kind`: letters, digits and `_`,
/// no digit first, `_total` at the end of counters and of nothing else. Errors: BAD_ARGUMENT.
arrow::Status CheckMetricName(std::string_view name, MetricKind kind);

/// Whether these can be the upper bounds of a histogram: at least one, finite, each above the one
/// before. Errors: BAD_ARGUMENT.
arrow::Status CheckBuckets(const std::vector<double>& buckets);

/// `labels` as they are shown: values are made valid UTF-8 and cut; labels without a value are left
/// out, as Prometheus does not tell them from labels that are not there. Errors: BAD_ARGUMENT for a
/// bad or reserved name (`le`, `quantile`, `__x`), and for too many.
arrow::Result<MetricLabels> CleanLabels(const MetricLabels& labels);

/// A help text as one line, cut; backslashes are not escaped yet.
std::string CleanHelp(std::string_view help);

/// `longbow_MODULE_`, with `_` for what a name cannot contain.
std::string ModulePrefix(std::string_view module);

}  // namespace longbow::telemetry
