/// \file
/// What `longbow info` says of a flight. All functions are pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "listing.h"

namespace longbow::client {

struct FlightSummary {
  /// Its path is empty of a command, of which only the schema is known.
  ListedFlight flight;
  int64_t revision = 0;
  std::vector<std::string> endpoints;
  std::shared_ptr<arrow::Schema> schema;
};

/// Lines for people, safe for a terminal.
std::string SummaryAsText(const FlightSummary& summary, int64_t now_us);

/// One JSON object and a newline.
std::string SummaryAsJson(const FlightSummary& summary);

/// `2026-01-31 12:00:00Z`
std::string FormatTime(int64_t micros);
/// `0.213 s`
std::string FormatSeconds(double seconds);

}  // namespace longbow::client
