#include <longbow/value.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <nlohmann/json.hpp>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow {
namespace {

[[noreturn]] void AbortWrongType(std::string_view wanted, std::string_view is) {
  std::fprintf(stderr, "Bug: a Value that holds %.*s is read as %.*s\n",
               static_cast<int>(is.size()), is.data(), static_cast<int>(wanted.size()),
               wanted.data());
  std::abort();
}

void AppendString(std::string_view text, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else if (c == '\r') {
      *out += "\\r";
    } else if (byte < 0x20) {
      *out += "\\u00";
      *out += kDigits[byte >> 4];
      *out += kDigits[byte & 15];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

void AppendDouble(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  std::string_view digits(buffer, static_cast<size_t>(end - buffer));
  *out += digits;
  // Else it would be read back as an integer.
  if (digits.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

void AppendJson(const Value& value, std::string* out) {
  switch (value.type()) {
    case Value::Type::kNull:
      *out += "null";
      return;
    case Value::Type::kBool:
      *out += value.as_bool() ? "true" : "false";
      return;
    case Value::Type::kInt:
      *out += std::to_string(value.as_int());
      return;
    case Value::Type::kDouble:
      AppendDouble(value.as_double(), out);
      return;
    case Value::Type::kString:
      if (IsValidUtf8(value.as_string())) {
        AppendString(value.as_string(), out);
      } else {
        AppendString(ReplaceInvalidUtf8(value.as_string()), out);
      }
      return;
    case Value::Type::kList: {
      const char* separator = "[";
      for (const Value& item : value.as_list()) {
        *out += separator;
        AppendJson(item, out);
        separator = ",";
      }
      *out += value.as_list().empty() ? "[]" : "]";
      return;
    }
    case Value::Type::kObject: {
      const char* separator = "{";
      for (const auto& [key, member] : value.as_object()) {
        *out += separator;
        AppendString(key, out);
        *out += ':';
        AppendJson(member, out);
        separator = ",";
      }
      *out += value.as_object().empty() ? "{}" : "}";
      return;
    }
  }
}

/// Builds a `Value` from the parser's events; the parser itself does not recurse.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  arrow::Status status() const { return status_; }
  Value Take() { return std::move(root_); }

  bool null() override { return Add(Value()); }
  bool boolean(bool value) override { return Add(Value(value)); }
  bool number_integer(number_integer_t value) override {
    return Add(Value(static_cast<int64_t>(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Add(Value(static_cast<double>(value)));
    }
    return Add(Value(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return Add(Value(value)); }
  bool string(string_t& value) override { return Add(Value(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Value(Value::Object())); }
  bool start_array(std::size_t) override { return Open(Value(Value::List())); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& key) override {
    if (open_.back()->Find(key) != nullptr) {
      return Fail("The JSON object has the key '" + std::string(CutToCharacters(key, 64)) +
                  "' twice");
    }
    key_ = std::move(key);
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    std::string_view text = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing
    // value - invalid literal; last read: '...'; expected ...", without its number and its echo.
    if (size_t bracket = text.find("] "); bracket != std::string_view::npos) {
      text.remove_prefix(bracket + 2);
    }
    std::string message(text);
    size_t echo = message.find("; last read: '");
    if (echo != std::string::npos) {
      size_t end = message.rfind('\'');
      size_t expected = message.rfind("; expected ");
      if (expected != std::string::npos && expected > echo) end = expected - 1;
      message.erase(echo, end + 1 - echo);
    }
    return Fail("The JSON text is not valid: " + ReplaceInvalidUtf8(message));
  }

 private:
  bool Fail(std::string message) {
    status_ = MakeError(ErrorCode::kBadArgument, std::move(message));
    return false;
  }

  Value* Place(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Value& parent = *open_.back();
    if (parent.is_list()) return &parent.as_list().emplace_back(std::move(value));
    return &(parent.as_object()[std::move(key_)] = std::move(value));
  }

  bool Add(Value value) {
    Place(std::move(value));
    return true;
  }

  bool Open(Value container) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      return Fail("The JSON text is nested deeper than " + std::to_string(max_depth_) + " levels");
    }
    // A pointer into a list stays good: its parent gets no more members until this one is closed.
    open_.push_back(Place(std::move(container)));
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  const int max_depth_;
  Value root_;
  std::vector<Value*> open_;
  std::string key_;
  arrow::Status status_;
};

}  // namespace

std::string_view Value::type_name() const {
  switch (type()) {
    case Type::kNull:
      return "null";
    case Type::kBool:
      return "boolean";
    case Type::kInt:
      return "integer";
    case Type::kDouble:
      return "number";
    case Type::kString:
      return "string";
    case Type::kList:
      return "list";
    case Type::kObject:
      return "object";
  }
  return "unknown";
}

bool Value::as_bool() const {
  if (!is_bool()) AbortWrongType("boolean", type_name());
  return *std::get_if<bool>(&data_);
}

int64_t Value::as_int() const {
  if (!is_int()) AbortWrongType("integer", type_name());
  return *std::get_if<int64_t>(&data_);
}

double Value::as_double() const {
  if (is_int()) return static_cast<double>(as_int());
  if (!is_double()) AbortWrongType("number", type_name());
  return *std::get_if<double>(&data_);
}

const std::string& Value::as_string() const {
  if (!is_string()) AbortWrongType("string", type_name());
  return *std::get_if<std::string>(&data_);
}

const Value::List& Value::as_list() const {
  if (!is_list()) AbortWrongType("list", type_name());
  return *std::get_if<List>(&data_);
}

Value::List& Value::as_list() {
  if (!is_list()) AbortWrongType("list", type_name());
  return *std::get_if<List>(&data_);
}

const Value::Object& Value::as_object() const {
  if (!is_object()) AbortWrongType("object", type_name());
  return *std::get_if<Object>(&data_);
}

Value::Object& Value::as_object() {
  if (!is_object()) AbortWrongType("object", type_name());
  return *std::get_if<Object>(&data_);
}

const Value* Value::Find(std::string_view key) const {
  const Object* object = std::get_if<Object>(&data_);
  if (object == nullptr) return nullptr;
  auto it = object->find(key);
  return it == object->end() ? nullptr : &it->second;
}

std::string Value::ToJson() const {
  std::string text;
  AppendJson(*this, &text);
  return text;
}

arrow::Result<Value> Value::FromJson(std::string_view text, int max_depth) {
  // The parser would take it for the end of the text, and let pass what comes after it.
  if (size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return MakeError(ErrorCode::kBadArgument,
                     "The JSON text is not valid: byte " + std::to_string(zero + 1) + " is zero");
  }
  Builder builder(max_depth);
  bool ok = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!ok) {
    ARROW_RETURN_NOT_OK(builder.status());
    return MakeError(ErrorCode::kBadArgument, "The JSON text is not valid");
  }
  return builder.Take();
}

}  // namespace longbow
