#include "config/declarations.h"

#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

#include <arrow/result.h>

#include <longbow/error.h>

#include "base/nearest.h"
#include "config/size.h"

namespace longbow::config {
namespace {

arrow::Status Refuse(std::string text) {
  return MakeError(ErrorCode::kBadArgument, std::move(text));
}

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return false;
  if (name.find("__") != std::string_view::npos || name.back() == '_') return false;
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

bool IsSectionName(std::string_view name) {
  while (true) {
    const size_t dot = name.find('.');
    if (!IsName(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool IsNumeric(SettingType type) {
  return type == SettingType::kInt || type == SettingType::kDouble || type == SettingType::kBytes;
}

bool HasMin(const SettingSpec& spec) { return spec.min > std::numeric_limits<double>::lowest(); }
bool HasMax(const SettingSpec& spec) { return spec.max < std::numeric_limits<double>::max(); }

std::string NumberText(const SettingSpec& spec, double number) {
  if (spec.type == SettingType::kBytes) return FormatSize(static_cast<int64_t>(number));
  std::ostringstream text;
  text.precision(15);
  text << number;
  if (!spec.unit.empty()) text << ' ' << spec.unit;
  return text.str();
}

std::string ChoicesText(const SettingSpec& spec) {
  std::string text;
  for (size_t i = 0; i < spec.choices.size(); ++i) {
    if (i > 0) text += i + 1 == spec.choices.size() ? " or " : ", ";
    text += '"' + spec.choices[i] + '"';
  }
  return text;
}

arrow::Status CheckBounds(const SettingSpec& spec, double number) {
  if (std::isnan(number)) return Refuse("is not a number; write one " + BoundsPhrase(spec));
  if (number < spec.min || number > spec.max) {
    return Refuse("is " + NumberText(spec, number) + "; it must be " + BoundsPhrase(spec));
  }
  return arrow::Status::OK();
}

arrow::Status CheckChoice(const SettingSpec& spec, const std::string& text) {
  if (spec.choices.empty()) return arrow::Status::OK();
  for (const std::string& choice : spec.choices) {
    if (choice == text) return arrow::Status::OK();
  }
  std::string message = spec.secret ? "has a value that is not allowed" : "is \"" + text + "\"";
  message += "; it must be " + ChoicesText(spec);
  const std::string nearest = NearestName(text, spec.choices);
  if (!nearest.empty() && spec.choices.size() > 2) message += "; did you mean \"" + nearest + "\"?";
  return Refuse(std::move(message));
}

arrow::Status WrongType(const SettingSpec& spec, const Value& written,
                        const std::string& type_name) {
  std::string message =
      "is " + std::string(type_name == "integer" || type_name == "object" ? "an " : "a ") +
      type_name;
  if (!spec.secret && (written.is_bool() || written.is_number() || written.is_string())) {
    std::string text = written.ToJson();
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    message += " (" + text + ")";
  }
  return Refuse(message + "; it must be " + TypePhrase(spec.type));
}

arrow::Status CheckSetting(const SettingsSection& section, const SettingSpec& spec) {
  const std::string where = "the declared setting " + section.name + "." + spec.name;
  if (!IsName(spec.name)) return Refuse(where + " has a name that is not in snake_case");
  if (spec.summary.empty()) return Refuse(where + " has no summary");
  if (spec.required && !section.repeated) {
    return Refuse(where + " is required, which only settings of repeated sections can be");
  }
  if (spec.required && !spec.default_value.is_null()) {
    return Refuse(where + " is required and has a default");
  }
  if (spec.default_value.is_null()) return arrow::Status::OK();
  auto checked = CheckValue(spec, spec.default_value, std::string(spec.default_value.type_name()));
  if (!checked.ok()) return Refuse(where + " has a bad default: it " + checked.status().message());
  return arrow::Status::OK();
}

// A setting and a table of one name could not be told apart.
arrow::Status CheckOverlap(const std::vector<SettingsSection>& sections,
                           const SettingsSection& section) {
  for (const SettingsSection& other : sections) {
    if (other.name.size() <= section.name.size() ||
        other.name.compare(0, section.name.size() + 1, section.name + ".") != 0) {
      continue;
    }
    if (section.repeated) {
      return Refuse("the declared section [" + other.name + "] lies within the repeated section [" +
                    section.name + ".NAME]");
    }
    const std::string rest = other.name.substr(section.name.size() + 1);
    if (FindSetting(section, rest.substr(0, rest.find('.'))) != nullptr) {
      return Refuse("the declared section [" + other.name + "] has the name of a setting of [" +
                    section.name + "]");
    }
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status CheckDeclarations(const std::vector<SettingsSection>& sections) {
  std::set<std::string> section_names;
  for (const SettingsSection& section : sections) {
    if (!IsSectionName(section.name)) {
      return Refuse("the declared section [" + section.name +
                    "] has a name that is not in snake_case");
    }
    if (!section_names.insert(section.name).second) {
      return Refuse("the section [" + section.name + "] is declared twice");
    }
    if (section.summary.empty()) {
      return Refuse("the declared section [" + section.name + "] has no summary");
    }
    std::set<std::string> names;
    for (const SettingSpec& spec : section.settings) {
      ARROW_RETURN_NOT_OK(CheckSetting(section, spec));
      if (!names.insert(spec.name).second) {
        return Refuse("the setting " + section.name + "." + spec.name + " is declared twice");
      }
    }
    ARROW_RETURN_NOT_OK(CheckOverlap(sections, section));
  }
  return arrow::Status::OK();
}

const SettingsSection* FindSection(const std::vector<SettingsSection>& sections,
                                   std::string_view name) {
  for (const SettingsSection& section : sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

const SettingSpec* FindSetting(const SettingsSection& section, std::string_view name) {
  for (const SettingSpec& spec : section.settings) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::vector<std::string> SettingNames(const SettingsSection& section) {
  std::vector<std::string> names;
  for (const SettingSpec& spec : section.settings) names.push_back(spec.name);
  return names;
}

std::string TypePhrase(SettingType type) {
  switch (type) {
    case SettingType::kBool:
      return "true or false";
    case SettingType::kInt:
      return "an integer";
    case SettingType::kDouble:
      return "a number";
    case SettingType::kString:
      return "a string";
    case SettingType::kStringList:
      return "a list of strings";
    case SettingType::kBytes:
      return "a size: bytes, or a text such as \"512MB\" (decimal) or \"512MiB\" (binary)";
  }
  return "a value";
}

std::string BoundsPhrase(const SettingSpec& spec) {
  if (!spec.choices.empty()) return ChoicesText(spec);
  if (!IsNumeric(spec.type)) return {};
  if (HasMin(spec) && HasMax(spec)) {
    return "from " + NumberText(spec, spec.min) + " to " + NumberText(spec, spec.max);
  }
  if (HasMin(spec)) return "at least " + NumberText(spec, spec.min);
  if (HasMax(spec)) return "at most " + NumberText(spec, spec.max);
  return {};
}

arrow::Result<Value> CheckValue(const SettingSpec& spec, const Value& written,
                                const std::string& type_name) {
  switch (spec.type) {
    case SettingType::kBool:
      if (written.is_bool()) return written;
      break;
    case SettingType::kInt:
      if (!written.is_int()) break;
      ARROW_RETURN_NOT_OK(CheckBounds(spec, written.as_double()));
      return written;
    case SettingType::kDouble:
      if (!written.is_number()) break;
      ARROW_RETURN_NOT_OK(CheckBounds(spec, written.as_double()));
      return Value(written.as_double());
    case SettingType::kString:
      if (!written.is_string()) break;
      ARROW_RETURN_NOT_OK(CheckChoice(spec, written.as_string()));
      return written;
    case SettingType::kStringList:
      if (!written.is_list()) break;
      for (const Value& item : written.as_list()) {
        if (!item.is_string())
          return Refuse("has an item that is no string; it must be " + TypePhrase(spec.type));
        ARROW_RETURN_NOT_OK(CheckChoice(spec, item.as_string()));
      }
      return written;
    case SettingType::kBytes: {
      int64_t bytes = -1;
      if (written.is_int()) {
        bytes = written.as_int();
      } else if (written.is_string()) {
        auto parsed = ParseSize(written.as_string());
        if (!parsed.ok()) return Refuse("is wrong: " + parsed.status().message());
        bytes = *parsed;
      } else {
        break;
      }
      if (bytes < 0) return Refuse("is negative; it must be " + TypePhrase(spec.type));
      ARROW_RETURN_NOT_OK(CheckBounds(spec, static_cast<double>(bytes)));
      return Value(bytes);
    }
  }
  return WrongType(spec, written, type_name);
}

std::string EnvironmentName(std::string_view section, std::string_view key,
                            std::string_view setting) {
  std::string name = "LONGBOW_";
  auto append = [&name](std::string_view part) {
    for (char c : part) {
      if (c == '.') {
        name += "__";
      } else if (c >= 'a' && c <= 'z') {
        name += static_cast<char>(c - 'a' + 'A');
      } else {
        name += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
      }
    }
  };
  append(section);
  name += "__";
  if (!key.empty()) {
    append(key);
    name += "__";
  }
  append(setting);
  return name;
}

}  // namespace longbow::config
