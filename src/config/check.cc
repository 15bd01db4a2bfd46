#include "config/check.h"

#include <map>
#include <utility>

#include "base/nearest.h"
#include "config/declarations.h"
#include "secret/secret_reference.h"

namespace longbow::config {
namespace {

std::string Join(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string DidYouMean(const std::string& wanted, const std::vector<std::string>& known) {
  const std::string nearest = NearestName(wanted, known);
  return nearest.empty() ? std::string() : "; did you mean " + nearest + "?";
}

class Checker {
 public:
  explicit Checker(const std::vector<SettingsSection>& sections) : sections_(sections) {}

  CheckedSettings Run(const Node& document) {
    WalkTable(document, "");
    for (const SettingsSection& section : sections_) {
      if (section.repeated) {
        CheckRepeated(document, section);
      } else {
        const Node* table = FindTable(document, section.name);
        checked_.tables.sections[section.name] = CheckTable(table, section, section.name);
      }
    }
    checked_.settings = checked_.tables.ToSettings();
    return std::move(checked_);
  }

 private:
  // Whether a table of this path is a section, or has sections in it.
  bool IsKnownTable(const std::string& path) const {
    for (const SettingsSection& section : sections_) {
      if (section.name == path || section.name.starts_with(path + ".")) return true;
    }
    return false;
  }

  // Finds what is not declared; what is, is checked by CheckTable.
  void WalkTable(const Node& table, const std::string& path) {
    const SettingsSection* section = FindSection(sections_, path);
    for (const auto& [key, child] : table.children) {
      if (section != nullptr && FindSetting(*section, key) != nullptr) continue;
      const std::string full = Join(path, key);
      if (!child.is_table) {
        UnknownValue(child, path, key);
      } else if (!IsKnownTable(full)) {
        UnknownTable(child, full);
      } else if (const auto* repeated = FindSection(sections_, full);
                 repeated != nullptr && repeated->repeated) {
        WalkRepeated(child, *repeated);
      } else {
        WalkTable(child, full);
      }
    }
  }

  void WalkRepeated(const Node& table, const SettingsSection& section) {
    for (const auto& [key, child] : table.children) {
      if (!child.is_table) {
        Report(child, Join(section.name, TomlKey(key)) + " is a value; it must be a table: [" +
                          section.name + "." + TomlKey(key) + "]");
        continue;
      }
      for (const auto& [name, value] : child.children) {
        if (FindSetting(section, name) != nullptr) continue;
        Report(value, section.name + "." + TomlKey(key) + "." + name + " is not a setting" +
                          DidYouMean(name, SettingNames(section)));
      }
    }
  }

  void UnknownValue(const Node& value, const std::string& path, const std::string& key) {
    const SettingsSection* section = FindSection(sections_, path);
    std::string text = Join(path, key) + " is not a setting";
    if (section != nullptr) {
      std::string nearest = DidYouMean(key, SettingNames(*section));
      text += nearest.empty() ? ElsewhereHint(key) : nearest;
    } else {
      text += ElsewhereHint(key);
    }
    Report(value, std::move(text));
  }

  // A setting under the wrong table's header is the likeliest slip in TOML.
  std::string ElsewhereHint(const std::string& key) const {
    for (const SettingsSection& section : sections_) {
      if (FindSetting(section, key) == nullptr) continue;
      return "; it belongs under [" + section.name + (section.repeated ? ".NAME]" : "]");
    }
    std::vector<std::string> known;
    for (const SettingsSection& section : sections_) {
      for (const SettingSpec& spec : section.settings) known.push_back(spec.name);
    }
    const std::string nearest = NearestName(key, known);
    for (const SettingsSection& section : sections_) {
      if (nearest.empty() || FindSetting(section, nearest) == nullptr) continue;
      return "; did you mean " + nearest + " under [" + section.name +
             (section.repeated ? ".NAME]?" : "]?");
    }
    return {};
  }

  void UnknownTable(const Node& table, const std::string& path) {
    std::vector<std::string> known;
    std::string list;
    for (const SettingsSection& section : sections_) {
      known.push_back(section.name);
      list += (list.empty() ? "[" : ", [") + section.name + (section.repeated ? ".NAME]" : "]");
    }
    std::string text = "[" + path + "] is not a section of the server or of a loaded module";
    const std::string nearest = DidYouMean(path, known);
    text += nearest.empty() ? "; there are " + list : nearest;
    Report(table, std::move(text));
  }

  static const Node* FindTable(const Node& document, std::string_view path) {
    const Node* table = &document;
    while (table != nullptr && !path.empty()) {
      const size_t dot = path.find('.');
      auto it = table->children.find(path.substr(0, dot));
      table = it != table->children.end() && it->second.is_table ? &it->second : nullptr;
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    }
    return table;
  }

  void CheckRepeated(const Node& document, const SettingsSection& section) {
    auto& tables = checked_.tables.repeated[section.name];
    const Node* parent = FindTable(document, section.name);
    if (parent == nullptr) return;
    for (const auto& [key, child] : parent->children) {
      if (child.is_table)
        tables[key] = CheckTable(&child, section, Join(section.name, TomlKey(key)));
    }
  }

  // The settings of one table, which may be absent.
  Settings::Table CheckTable(const Node* table, const SettingsSection& section,
                             const std::string& name) {
    Settings::Table values;
    for (const SettingSpec& spec : section.settings) {
      EffectiveSetting effective{name, spec, DefaultOf(spec), "default"};
      const Node* written = nullptr;
      if (table != nullptr) {
        auto it = table->children.find(spec.name);
        if (it != table->children.end()) written = &it->second;
      }
      if (written != nullptr) {
        CheckWritten(*written, &effective);
      } else if (spec.required) {
        checked_.problems.push_back({table->place, name + "." + spec.name +
                                                       " is missing; it must be " +
                                                       TypePhrase(spec.type) + BoundsSuffix(spec)});
      }
      values[spec.name] = effective.value;
      checked_.effective.push_back(std::move(effective));
    }
    return values;
  }

  static std::string BoundsSuffix(const SettingSpec& spec) {
    const std::string bounds = BoundsPhrase(spec);
    return bounds.empty() ? std::string() : ", " + bounds;
  }

  void CheckWritten(const Node& written, EffectiveSetting* effective) {
    const SettingSpec& spec = effective->spec;
    const std::string name = effective->table + "." + spec.name;
    if (written.is_table) {
      Report(written, name + " is a table; it must be " + TypePhrase(spec.type));
      return;
    }
    auto value = IsReference(spec, written.value)
                     ? CheckReference(written.value)
                     : CheckValue(spec, written.value, written.type_name);
    if (!value.ok()) {
      Report(written, name + " " + value.status().message());
      return;
    }
    effective->value = *std::move(value);
    effective->origin = written.place;
  }

  static bool IsReference(const SettingSpec& spec, const Value& written) {
    if (spec.type != SettingType::kString || !written.is_string()) return false;
    auto reference = secret::ParseSecretReference(written.as_string());
    return !reference.ok() || reference->has_value();
  }

  static arrow::Result<Value> CheckReference(const Value& written) {
    auto reference = secret::ParseSecretReference(written.as_string());
    if (reference.ok()) return written;
    return reference.status().WithMessage("is no good reference: ", reference.status().message());
  }

  static Value DefaultOf(const SettingSpec& spec) {
    auto value = CheckValue(spec, spec.default_value, std::string(spec.default_value.type_name()));
    // A default of null is no value of the type; all others have passed CheckDeclarations.
    return value.ok() ? *std::move(value) : Value();
  }

  void Report(const Node& node, std::string text) {
    checked_.problems.push_back({node.place, std::move(text)});
  }

  const std::vector<SettingsSection>& sections_;
  CheckedSettings checked_;
};

}  // namespace

std::vector<std::string> ToStrings(const Value& list) {
  std::vector<std::string> strings;
  for (const Value& item : list.as_list()) strings.push_back(item.as_string());
  return strings;
}

CheckedSettings CheckSettings(const Node& document, const std::vector<SettingsSection>& sections) {
  return Checker(sections).Run(document);
}

}  // namespace longbow::config
