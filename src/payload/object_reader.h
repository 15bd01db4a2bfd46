/// \file
/// Reads the members of a JSON object, so that each error names the way to what is wrong, such as
/// `payload.inputs.fx.command.payload.sink.ifExists`.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/error.h>
#include <longbow/flight_path.h>
#include <longbow/value.h>

namespace longbow {

/// For one thread; the value outlives it.
///
/// A member is asked for by its camelCase name, and found under its snake_case name as well. A null
/// counts as absent. Both as in the proto3 JSON mapping.
class ObjectReader {
 public:
  /// `path` leads to the object, empty at the root. Errors, here and below, have `code` and name
  /// the member.
  static arrow::Result<ObjectReader> Make(const Value& value, std::string path,
                                          ErrorCode code = ErrorCode::kBadArgument);

  /// The member, or null where it is absent.
  arrow::Result<const Value*> Find(std::string_view name);

  /// Empty where absent.
  arrow::Result<std::string> Text(std::string_view name);
  /// A text that becomes part of messages and log lines: at most `max_bytes` and without control
  /// characters. Empty where absent.
  arrow::Result<std::string> Name(std::string_view name, size_t max_bytes = 255);
  /// False where absent.
  arrow::Result<bool> Bool(std::string_view name);
  /// An integer, also as a text or an integral number.
  arrow::Result<std::optional<int64_t>> Int(std::string_view name,
                                            int64_t min = std::numeric_limits<int64_t>::min(),
                                            int64_t max = std::numeric_limits<int64_t>::max());
  /// 0 where absent.
  arrow::Result<double> Number(std::string_view name);
  /// Empty where absent.
  arrow::Result<std::vector<std::string>> Texts(std::string_view name);
  /// Nothing where absent.
  arrow::Result<std::optional<FlightPath>> Path(std::string_view name);
  /// A list of paths; empty where absent.
  arrow::Result<std::vector<FlightPath>> Paths(std::string_view name);
  /// First parts of a path: obeys the rules of a path, or is empty.
  arrow::Result<std::vector<std::string>> Prefix(std::string_view name);
  /// Base64; empty where absent.
  arrow::Result<std::string> Bytes(std::string_view name);
  /// A reader of the member, which is an object; nothing where absent.
  arrow::Result<std::optional<ObjectReader>> Object(std::string_view name);
  /// Readers of the members of a list of objects.
  arrow::Result<std::vector<ObjectReader>> Objects(std::string_view name);

  /// Refuses members that nobody asked for, with the nearest name that somebody did ask for.
  arrow::Status RefuseOthers() const;
  /// The members that nobody asked for, without nulls.
  Value::Object Others() const;

  const Value::Object& members() const { return *members_; }
  /// `payload.sink`, or, for `name`, `payload.sink.ifExists`.
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const;
  /// An error about the member `name`: its path, and then `rest`, such as ` must be a string`.
  arrow::Status Error(std::string_view name, std::string_view rest) const;
  ErrorCode code() const { return code_; }

 private:
  ObjectReader(const Value::Object* members, std::string path, ErrorCode code)
      : members_(members), path_(std::move(path)), code_(code) {}
  arrow::Result<std::vector<std::string>> TextsOf(std::string_view name, const Value& value) const;
  arrow::Result<FlightPath> PathOfParts(std::string_view name, const Value& value) const;
  arrow::Status WrongType(std::string_view name, std::string_view wanted, const Value& is) const;

  const Value::Object* members_;
  std::string path_;
  ErrorCode code_;
  std::vector<std::string> asked_;           ///< camelCase names, in the order asked
  std::set<std::string, std::less<>> used_;  ///< members as they are written
};

/// `ifExists` as `if_exists`.
std::string SnakeCase(std::string_view camel_case);

}  // namespace longbow
