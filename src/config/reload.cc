#include "config/reload.h"

#include <algorithm>

#include "config/document.h"

namespace longbow::config {
namespace {

bool HasReloadable(const SettingsSection& section) {
  return std::any_of(section.settings.begin(), section.settings.end(),
                     [](const SettingSpec& spec) { return spec.reloadable; });
}

void MergeTable(const SettingsSection& section, const std::string& name,
                const Settings::Table& read, Settings::Table* table, Reload* reload) {
  for (const SettingSpec& spec : section.settings) {
    const Value& now = read.at(spec.name);
    Value& before = table->at(spec.name);
    if (now == before) continue;
    const std::string setting = name + "." + spec.name;
    if (!spec.reloadable) {
      reload->need_restart.push_back(setting);
      continue;
    }
    before = now;
    reload->changed.push_back(setting);
  }
}

void MergeRepeated(const SettingsSection& section,
                   const std::map<std::string, Settings::Table>& read,
                   std::map<std::string, Settings::Table>* tables, Reload* reload) {
  auto* of_difference = HasReloadable(section) ? &reload->changed : &reload->need_restart;
  const auto name_of = [&](const std::string& key) { return section.name + "." + TomlKey(key); };
  for (const auto& [key, table] : read) {
    if (tables->contains(key)) {
      MergeTable(section, name_of(key), table, &tables->at(key), reload);
      continue;
    }
    of_difference->push_back(name_of(key));
    if (HasReloadable(section)) tables->emplace(key, table);
  }
  std::erase_if(*tables, [&](const auto& entry) {
    if (read.contains(entry.first)) return false;
    of_difference->push_back(name_of(entry.first));
    return HasReloadable(section);
  });
}

}  // namespace

Reload MergeReloadable(const SettingTables& current, const SettingTables& read,
                       const std::vector<SettingsSection>& sections) {
  Reload reload;
  reload.tables = current;
  for (const SettingsSection& section : sections) {
    if (section.repeated) {
      MergeRepeated(section, read.repeated.at(section.name),
                    &reload.tables.repeated.at(section.name), &reload);
    } else {
      MergeTable(section, section.name, read.sections.at(section.name),
                 &reload.tables.sections.at(section.name), &reload);
    }
  }
  return reload;
}

}  // namespace longbow::config
