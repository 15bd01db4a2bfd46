/// \file
/// A JSON-like value: how a module sees the fields of its payload, whichever encoding they came in.
///
/// A `Value` owns all that it holds, is cheap to move and safe to read from several threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <arrow/result.h>

namespace longbow {

class Value {
 public:
  using List = std::vector<Value>;
  /// Ordered by key, so that equal objects have one canonical text.
  using Object = std::map<std::string, Value, std::less<>>;
  enum class Type { kNull, kBool, kInt, kDouble, kString, kList, kObject };

  Value() = default;
  Value(std::nullptr_t) {}                                  // NOLINT(google-explicit-constructor)
  Value(bool value) : data_(value) {}                       // NOLINT(google-explicit-constructor)
  Value(int value) : data_(static_cast<int64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  Value(int64_t value) : data_(value) {}                    // NOLINT(google-explicit-constructor)
  Value(double value) : data_(value) {}                     // NOLINT(google-explicit-constructor)
  Value(const char* value) : data_(std::string(value)) {}   // NOLINT(google-explicit-constructor)
  Value(std::string value) : data_(std::move(value)) {}     // NOLINT(google-explicit-constructor)
  Value(std::string_view value) : data_(std::string(value)) {}  // NOLINT
  Value(List value) : data_(std::move(value)) {}    // NOLINT(google-explicit-constructor)
  Value(Object value) : data_(std::move(value)) {}  // NOLINT(google-explicit-constructor)

  Type type() const { return static_cast<Type>(data_.index()); }
  /// `null`, `boolean`, `integer`, `number`, `string`, `list` or `object`, for messages.
  std::string_view type_name() const;

  bool is_null() const { return type() == Type::kNull; }
  bool is_bool() const { return type() == Type::kBool; }
  bool is_int() const { return type() == Type::kInt; }
  bool is_double() const { return type() == Type::kDouble; }
  bool is_number() const { return is_int() || is_double(); }
  bool is_string() const { return type() == Type::kString; }
  bool is_list() const { return type() == Type::kList; }
  bool is_object() const { return type() == Type::kObject; }

  /// The held value. Asking for another type than `type()` is a bug in the caller and aborts.
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;  ///< Also of an integer.
  const std::string& as_string() const;
  const List& as_list() const;
  List& as_list();
  const Object& as_object() const;
  Object& as_object();

  /// The member `key` of an object, or null where there is none or this is no object.
  const Value* Find(std::string_view key) const;

  /// Compact JSON with keys in order: equal values have equal text. Not-a-number and infinities,
  /// which JSON cannot say, become strings.
  std::string ToJson() const;

  /// Parses one JSON text (RFC 8259). Integers that fit 64 bits stay exact.
  /// Errors: BAD_ARGUMENT with the position; also for more than `max_depth` levels of nesting,
  /// for invalid UTF-8, and for an object that has one key twice.
  static arrow::Result<Value> FromJson(std::string_view text, int max_depth = 256);

  bool operator==(const Value& other) const = default;

 private:
  // The order of the alternatives is the order of `Type`.
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, Object> data_;
};

}  // namespace longbow
