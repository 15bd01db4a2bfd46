#include "client_actions.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/flight/client.h>

namespace longbow::client {

arrow::Result<std::vector<std::string>> RunAction(Connection* connection, const std::string& name,
                                                  const std::string& body,
                                                  ActionPatience patience) {
  const auto options = patience == ActionPatience::kLastCall ? connection->LastCallOptions()
                                                             : connection->CallOptions();
  const arrow::flight::Action action{name, arrow::Buffer::FromString(body)};
  ARROW_ASSIGN_OR_RAISE(auto results, connection->flight().DoAction(options, action));
  std::vector<std::string> bodies;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto result, results->Next());
    if (result == nullptr) return bodies;
    bodies.push_back(result->body == nullptr ? std::string() : result->body->ToString());
  }
}

arrow::Result<Value> AskJson(Connection* connection, const std::string& name, const Value& body) {
  ARROW_ASSIGN_OR_RAISE(auto bodies, RunAction(connection, name, body.ToJson()));
  if (bodies.size() != 1) {
    return arrow::Status::Invalid(name, ": one answer was expected, not ", bodies.size());
  }
  return Value::FromJson(bodies.front());
}

int64_t IntegerField(const Value& value, std::string_view key) {
  const Value* field = value.Find(key);
  if (field == nullptr) return 0;
  if (field->is_int()) return field->as_int();
  if (field->is_double()) return static_cast<int64_t>(field->as_double());
  int64_t number = 0;
  if (field->is_string()) {
    const std::string& text = field->as_string();
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number;
}

bool BoolField(const Value& value, std::string_view key) {
  const Value* field = value.Find(key);
  return field != nullptr && field->is_bool() && field->as_bool();
}

std::string StringField(const Value& value, std::string_view key) {
  const Value* field = value.Find(key);
  return field != nullptr && field->is_string() ? field->as_string() : std::string();
}

std::optional<int64_t> TimeField(const Value& value, std::string_view key) {
  const std::string text = StringField(value, key);
  std::tm parts = {};
  double seconds = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%lfZ", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &seconds) != 6) {
    return {};
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return int64_t{timegm(&parts)} * 1'000'000 + static_cast<int64_t>(seconds * 1e6);
}

std::string UpperCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace longbow::client
