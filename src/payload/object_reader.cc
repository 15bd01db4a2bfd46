#include "payload/object_reader.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/base64.h"
#include "base/nearest.h"
#include "base/utf8.h"

namespace longbow {
namespace {

/// A name that a caller made up, short enough for a message.
std::string Shown(std::string_view name) {
  std::string shown(CutToCharacters(name, 64));
  if (shown.size() < name.size()) shown += "...";
  return shown;
}

std::string WithArticle(std::string_view type) {
  bool vowel = type.find_first_of("aeio") == 0;
  return (vowel ? "an " : "a ") + std::string(type);
}

bool HasControl(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

/// A path of a length that leaves room for the rest of a message: without its middle.
std::string Shortened(std::string_view path) {
  constexpr size_t kBegin = 48;
  constexpr size_t kEnd = 80;
  if (path.size() <= kBegin + kEnd) return std::string(path);
  std::string_view end = path.substr(path.size() - kEnd);
  // To a character's border.
  while (!end.empty() && (static_cast<unsigned char>(end[0]) & 0xC0) == 0x80) end.remove_prefix(1);
  return std::string(CutToBytes(path, kBegin)) + "..." + std::string(end);
}

/// An integer from what the proto3 JSON mapping allows for one; nothing if it is none.
std::optional<int64_t> AsInteger(const Value& value) {
  if (value.is_int()) return value.as_int();
  if (value.is_double()) {
    double number = value.as_double();
    // 2^63 is the first double that does not fit; NaN fails the comparisons.
    if (number >= -0x1p63 && number < 0x1p63 && std::trunc(number) == number) {
      return static_cast<int64_t>(number);
    }
    return std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.as_string();
  int64_t integer = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return integer;
}

}  // namespace

std::string SnakeCase(std::string_view camel_case) {
  std::string snake;
  for (char c : camel_case) {
    if (c >= 'A' && c <= 'Z') {
      snake += '_';
      snake += static_cast<char>(c - 'A' + 'a');
    } else {
      snake += c;
    }
  }
  return snake;
}

arrow::Result<ObjectReader> ObjectReader::Make(const Value& value, std::string path,
                                               ErrorCode code) {
  if (!value.is_object()) {
    std::string what = path.empty() ? "The message" : Shortened(path);
    return MakeError(code, what + " must be an object, but is " + WithArticle(value.type_name()));
  }
  return ObjectReader(&value.as_object(), std::move(path), code);
}

std::string ObjectReader::PathOf(std::string_view name) const {
  return path_.empty() ? Shown(name) : path_ + "." + Shown(name);
}

arrow::Status ObjectReader::Error(std::string_view name, std::string_view rest) const {
  std::string path = PathOf(name);
  std::string shown = Shortened(path);
  // The whole of it goes into the detail, which has more room on the wire.
  std::string detail = shown == path ? std::string() : "At " + path;
  return MakeError(code_, shown + std::string(rest), std::move(detail));
}

arrow::Status ObjectReader::WrongType(std::string_view name, std::string_view wanted,
                                      const Value& is) const {
  return Error(name, " must be " + WithArticle(wanted) + ", but is " + WithArticle(is.type_name()));
}

arrow::Result<const Value*> ObjectReader::Find(std::string_view name) {
  asked_.emplace_back(name);
  const Value* found = nullptr;
  std::string snake_case = SnakeCase(name);
  for (std::string_view spelling : {name, std::string_view(snake_case)}) {
    auto it = members_->find(spelling);
    if (it == members_->end()) continue;
    bool twice = found != nullptr && &it->second != found;
    used_.emplace(spelling);
    if (it->second.is_null()) continue;
    if (twice) return Error(name, " is given twice: as " + snake_case + " too");
    found = &it->second;
  }
  return found;
}

arrow::Result<std::string> ObjectReader::Text(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return std::string();
  if (!value->is_string()) return WrongType(name, "string", *value);
  return value->as_string();
}

arrow::Result<std::string> ObjectReader::Name(std::string_view name, size_t max_bytes) {
  ARROW_ASSIGN_OR_RAISE(std::string text, Text(name));
  if (text.size() > max_bytes) {
    return Error(name, " has " + std::to_string(text.size()) + " bytes; at most " +
                           std::to_string(max_bytes) + " are allowed");
  }
  if (HasControl(text)) return Error(name, " contains a control character");
  return text;
}

arrow::Result<bool> ObjectReader::Bool(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return false;
  if (!value->is_bool()) return WrongType(name, "boolean", *value);
  return value->as_bool();
}

arrow::Result<std::optional<int64_t>> ObjectReader::Int(std::string_view name, int64_t min,
                                                        int64_t max) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return std::optional<int64_t>();
  std::optional<int64_t> integer = AsInteger(*value);
  if (!integer.has_value()) return WrongType(name, "integer", *value);
  if (*integer < min || *integer > max) {
    return Error(name, " is " + std::to_string(*integer) + "; it must lie between " +
                           std::to_string(min) + " and " + std::to_string(max));
  }
  return integer;
}

arrow::Result<double> ObjectReader::Number(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return 0.0;
  if (!value->is_number()) return WrongType(name, "number", *value);
  return value->as_double();
}

arrow::Result<std::vector<std::string>> ObjectReader::TextsOf(std::string_view name,
                                                              const Value& value) const {
  if (!value.is_list()) {
    return Error(name, " must be a list of strings, but is " + WithArticle(value.type_name()));
  }
  std::vector<std::string> texts;
  for (const Value& item : value.as_list()) {
    if (!item.is_string()) {
      return Error(name, " must be a list of strings, but item " +
                             std::to_string(texts.size() + 1) + " is " +
                             WithArticle(item.type_name()));
    }
    texts.push_back(item.as_string());
  }
  return texts;
}

arrow::Result<FlightPath> ObjectReader::PathOfParts(std::string_view name,
                                                    const Value& value) const {
  ARROW_ASSIGN_OR_RAISE(std::vector<std::string> parts, TextsOf(name, value));
  arrow::Result<FlightPath> path = FlightPath::Make(std::move(parts));
  if (!path.ok()) return Error(name, ": " + path.status().message());
  return path;
}

arrow::Result<std::vector<std::string>> ObjectReader::Texts(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return std::vector<std::string>();
  return TextsOf(name, *value);
}

arrow::Result<std::optional<FlightPath>> ObjectReader::Path(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return std::optional<FlightPath>();
  ARROW_ASSIGN_OR_RAISE(FlightPath path, PathOfParts(name, *value));
  return std::optional<FlightPath>(std::move(path));
}

arrow::Result<std::vector<FlightPath>> ObjectReader::Paths(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  std::vector<FlightPath> paths;
  if (value == nullptr) return paths;
  if (!value->is_list()) return WrongType(name, "list", *value);
  for (const Value& item : value->as_list()) {
    std::string item_name = std::string(name) + "[" + std::to_string(paths.size()) + "]";
    ARROW_ASSIGN_OR_RAISE(FlightPath path, PathOfParts(item_name, item));
    paths.push_back(std::move(path));
  }
  return paths;
}

arrow::Result<std::vector<std::string>> ObjectReader::Prefix(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(std::vector<std::string> parts, Texts(name));
  if (parts.empty()) return parts;
  arrow::Result<FlightPath> path = FlightPath::Make(std::move(parts));
  if (!path.ok()) return Error(name, ": " + path.status().message());
  return path->parts();
}

arrow::Result<std::string> ObjectReader::Bytes(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(std::string text, Text(name));
  std::optional<std::string> bytes = DecodeBase64(text);
  if (!bytes.has_value()) return Error(name, " must be bytes in Base64");
  return *std::move(bytes);
}

arrow::Result<std::optional<ObjectReader>> ObjectReader::Object(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  if (value == nullptr) return std::optional<ObjectReader>();
  ARROW_ASSIGN_OR_RAISE(ObjectReader reader, Make(*value, PathOf(name), code_));
  return std::optional<ObjectReader>(std::move(reader));
}

arrow::Result<std::vector<ObjectReader>> ObjectReader::Objects(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const Value* value, Find(name));
  std::vector<ObjectReader> readers;
  if (value == nullptr) return readers;
  if (!value->is_list()) return WrongType(name, "list", *value);
  for (const Value& item : value->as_list()) {
    std::string path = PathOf(name) + "[" + std::to_string(readers.size()) + "]";
    ARROW_ASSIGN_OR_RAISE(ObjectReader reader, Make(item, std::move(path), code_));
    readers.push_back(std::move(reader));
  }
  return readers;
}

arrow::Status ObjectReader::RefuseOthers() const {
  for (const auto& [name, value] : *members_) {
    if (used_.count(name) > 0) continue;
    std::string nearest = NearestName(name, asked_);
    if (!nearest.empty()) return Error(name, " is unknown; did you mean " + PathOf(nearest) + "?");
    std::string known;
    for (const std::string& each : asked_) known += (known.empty() ? "" : ", ") + each;
    return Error(name, known.empty() ? std::string(" is unknown: nothing is expected here")
                                     : " is unknown; known are " + known);
  }
  return arrow::Status::OK();
}

Value::Object ObjectReader::Others() const {
  Value::Object others;
  for (const auto& [name, value] : *members_) {
    if (used_.count(name) == 0 && !value.is_null()) others.emplace(name, value);
  }
  return others;
}

}  // namespace longbow
