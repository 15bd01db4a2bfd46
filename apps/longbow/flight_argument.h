/// \file
/// How flights are written on the command line. All functions but the default `FileProbe` are pure.
///
///   - `reports/2026/q1`           a stored flight
///   - `path:reports/q1.csv`       the same, whatever files lie about
///   - `connector:SOURCE[/PATH]`   a source of the server's settings, or a file within it
///   - `{"service": ...}`          any command, as JSON
///   - `@FILE`, `./FILE`, `/FILE`  a local file (as an input of a query only)
///   - `sales.parquet`             a local file too, if one of that name exists and its ending is
///   known
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <arrow/result.h>

#include <longbow/flight_path.h>
#include <longbow/value.h>

namespace longbow::client {

struct LocalFile {
  std::string path;
};
/// A command as its JSON.
struct CommandArgument {
  Value command;
};
using FlightArgument = std::variant<FlightPath, CommandArgument, LocalFile>;

/// Whether a regular file of that name exists.
using FileProbe = std::function<bool(const std::string&)>;
bool IsExistingFile(const std::string& path);

/// Errors: usage, saying what the text could have been.
arrow::Result<FlightArgument> ParseFlightArgument(std::string_view text,
                                                  const FileProbe& is_file = IsExistingFile);

/// A command's bytes in the shortest of these forms: `connector:SOURCE/PATH` where it is that, else
/// as they are.
std::string CommandAsArgument(const std::string& command);

/// `NAME=FLIGHT`
struct InputArgument {
  std::string name;
  FlightArgument source;
};
arrow::Result<InputArgument> ParseInputArgument(std::string_view text,
                                                const FileProbe& is_file = IsExistingFile);

/// What a query's command is made of. Local files are uploaded first: none is left here.
struct SqlRequest {
  std::string query;
  std::vector<InputArgument> inputs;
  std::optional<FlightPath> sink;
  std::string if_exists;  ///< `error`, `reuse`, `replace`, or nothing
  std::optional<int64_t> ttl_sec;
  bool cache = false;
};

/// The command envelope as JSON.
Value MakeSqlCommand(const SqlRequest& request);

/// A path as the JSON of the protocol, `["reports","q1"]`.
Value PathValue(const FlightPath& path);

}  // namespace longbow::client
