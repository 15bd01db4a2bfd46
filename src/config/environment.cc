#include "config/environment.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <arrow/result.h>

#include <longbow/error.h>

#include "base/nearest.h"
#include "config/declarations.h"

namespace longbow::config {
namespace {

constexpr std::string_view kPrefix = "LONGBOW_";
constexpr std::string_view kOtelPrefix = "OTEL_";

// Which setting a variable means.
struct Target {
  const SettingsSection* section = nullptr;
  const SettingSpec* spec = nullptr;
  std::string key;  // as written in the variable; only of a repeated section
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<Value> ParseList(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    auto parsed = Value::FromJson(text);
    if (!parsed.ok()) return std::nullopt;
    return *std::move(parsed);
  }
  Value::List list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty()) list.emplace_back(std::string(item));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return Value(std::move(list));
}

// A variable's text as a value of the setting's type; nothing where it cannot be one.
std::optional<Value> ParseText(SettingType type, std::string_view text) {
  switch (type) {
    case SettingType::kBool: {
      const std::string word = Lower(text);
      if (word == "true" || word == "1") return Value(true);
      if (word == "false" || word == "0") return Value(false);
      return std::nullopt;
    }
    case SettingType::kInt:
      if (auto number = ParseNumber<int64_t>(text)) return Value(*number);
      return std::nullopt;
    case SettingType::kDouble:
      if (auto number = ParseNumber<double>(text)) return Value(*number);
      return std::nullopt;
    case SettingType::kStringList:
      return ParseList(text);
    case SettingType::kString:
    case SettingType::kBytes:
      return Value(std::string(text));
  }
  return std::nullopt;
}

std::optional<Target> FindTarget(const std::vector<SettingsSection>& sections,
                                 std::string_view variable) {
  for (const SettingsSection& section : sections) {
    for (const SettingSpec& spec : section.settings) {
      if (!section.repeated) {
        if (variable == EnvironmentName(section.name, {}, spec.name))
          return Target{&section, &spec, {}};
        continue;
      }
      const std::string head = EnvironmentName(section.name, {}, {});
      const std::string tail = EnvironmentName({}, {}, spec.name).substr(kPrefix.size());
      if (variable.size() > head.size() + tail.size() && variable.starts_with(head) &&
          variable.ends_with(tail)) {
        const std::string_view key =
            variable.substr(head.size(), variable.size() - head.size() - tail.size());
        return Target{&section, &spec, std::string(key)};
      }
    }
  }
  return std::nullopt;
}

// The names that `variable` may have been meant to be.
std::string NearestVariable(const std::vector<SettingsSection>& sections,
                            std::string_view variable) {
  std::vector<std::string> known;
  for (const SettingsSection& section : sections) {
    std::string key;
    if (section.repeated) {
      const std::string head = EnvironmentName(section.name, {}, {});
      const size_t last = variable.rfind("__");
      if (!variable.starts_with(head) || last <= head.size()) continue;
      key = std::string(variable.substr(head.size(), last - head.size()));
    }
    for (const SettingSpec& spec : section.settings) {
      known.push_back(EnvironmentName(section.name, key, spec.name));
    }
  }
  return NearestName(variable, known);
}

// The table `key` of `table`, made where it is missing.
Node* ChildTable(Node* table, const std::string& key, const std::string& place) {
  Node& child = table->children[key];
  if (!child.is_table) {
    child = Node();
    child.is_table = true;
    child.place = place;
  }
  return &child;
}

// The table that a section's name stands for, made where it is missing.
Node* SectionTable(Node* document, std::string_view name, const std::string& place) {
  Node* table = document;
  while (!name.empty()) {
    const size_t dot = name.find('.');
    table = ChildTable(table, std::string(name.substr(0, dot)), place);
    name = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  }
  return table;
}

// The key of a repeated section's table that the variable spells.
arrow::Result<std::string> KeyOf(const Node& section, const std::string& spelled) {
  std::optional<std::string> found;
  for (const auto& [key, child] : section.children) {
    if (EnvironmentName(key, {}, {}) != EnvironmentName(spelled, {}, {})) continue;
    if (found) {
      return MakeError(ErrorCode::kBadArgument, "it could mean the table \"" + *found + "\" or \"" +
                                                    key + "\"; rename one of them");
    }
    found = key;
  }
  return found ? *found : Lower(spelled);
}

void ApplyOne(const Target& target, std::string_view text, const std::string& place, Node* document,
              std::vector<Problem>* problems) {
  Node* table = SectionTable(document, target.section->name, place);
  std::string name = target.section->name;
  if (target.section->repeated) {
    auto key = KeyOf(*table, target.key);
    if (!key.ok()) {
      problems->push_back({place, key.status().message()});
      return;
    }
    table = ChildTable(table, *key, place);
    name += "." + *key;
  }
  auto value = ParseText(target.spec->type, text);
  if (!value) {
    std::string shown = target.spec->secret ? "its value" : Value(std::string(text)).ToJson();
    problems->push_back({place, name + "." + target.spec->name + " cannot be " + shown +
                                    "; it must be " + TypePhrase(target.spec->type)});
    return;
  }
  Node node;
  node.type_name = std::string(value->type_name());
  node.value = *std::move(value);
  node.place = place;
  Merge(&table->children[target.spec->name], std::move(node));
}

}  // namespace

std::map<std::string, std::string> ServerEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    if (!text.starts_with(kPrefix) && !text.starts_with(kOtelPrefix)) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

void ApplyEnvironment(const std::map<std::string, std::string>& variables,
                      const std::vector<SettingsSection>& sections, Node* document,
                      std::vector<Problem>* problems) {
  for (const auto& [variable, text] : variables) {
    if (!variable.starts_with(kPrefix) ||
        variable.find("__", kPrefix.size()) == std::string::npos) {
      continue;
    }
    const std::string place = "environment variable " + variable;
    if (auto target = FindTarget(sections, variable)) {
      ApplyOne(*target, text, place, document, problems);
      continue;
    }
    std::string message = "this is not a setting";
    const std::string nearest = NearestVariable(sections, variable);
    if (!nearest.empty()) message += "; did you mean " + nearest + "?";
    problems->push_back({place, std::move(message)});
  }
}

}  // namespace longbow::config
