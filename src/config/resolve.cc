#include "config/resolve.h"

#include <utility>

#include "config/declarations.h"

namespace longbow::config {
namespace {

class Resolver {
 public:
  Resolver(const ResolveText& resolve, std::vector<Problem>* problems)
      : resolve_(resolve), problems_(problems) {}

  void Resolve(const SettingsSection& section, const std::string& table_name,
               Settings::Table* table) {
    for (auto& [name, value] : *table) {
      const SettingSpec* spec = FindSetting(section, name);
      if (spec == nullptr) continue;
      auto resolved = ResolveValue(*spec, value);
      if (resolved.ok()) {
        value = *std::move(resolved);
        continue;
      }
      problems_->push_back(
          {"", table_name + "." + name + " cannot be used: " + resolved.status().message()});
      value = Value();
    }
  }

 private:
  arrow::Result<Value> ResolveValue(const SettingSpec& spec, const Value& value) const {
    if (value.is_string()) {
      ARROW_ASSIGN_OR_RAISE(std::string text, resolve_(spec, value.as_string()));
      if (text == value.as_string()) return value;
      // Nobody may read in a message what the secret is.
      SettingSpec silent = spec;
      silent.secret = true;
      return CheckValue(silent, Value(std::move(text)), "a secret");
    }
    if (!value.is_list()) return value;
    Value::List items;
    for (const Value& item : value.as_list()) {
      if (!item.is_string()) return value;
      ARROW_ASSIGN_OR_RAISE(std::string text, resolve_(spec, item.as_string()));
      items.emplace_back(std::move(text));
    }
    return Value(std::move(items));
  }

  const ResolveText& resolve_;
  std::vector<Problem>* const problems_;
};

}  // namespace

Settings ResolveSettings(const SettingTables& tables, const std::vector<SettingsSection>& sections,
                         const ResolveText& resolve, std::vector<Problem>* problems) {
  SettingTables resolved = tables;
  Resolver resolver(resolve, problems);
  for (const SettingsSection& section : sections) {
    if (!section.repeated) {
      auto table = resolved.sections.find(section.name);
      if (table == resolved.sections.end()) continue;
      resolver.Resolve(section, section.name, &table->second);
      continue;
    }
    for (auto& [key, table] : resolved.repeated[section.name]) {
      resolver.Resolve(section, section.name + "." + TomlKey(key), &table);
    }
  }
  return resolved.ToSettings();
}

}  // namespace longbow::config
