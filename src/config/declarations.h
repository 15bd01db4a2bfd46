/// \file
/// The declared settings of the core and of the loaded modules: whether they make sense, and how
/// they are found. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/status.h>

#include <longbow/settings.h>

namespace longbow::config {

/// Whether the sections can be used together: names are well-formed, none comes twice or hides
/// another, defaults have their type and lie within their bounds, everything has its sentence.
/// Errors: BAD_ARGUMENT, for the module's author, naming the section and the setting.
arrow::Status CheckDeclarations(const std::vector<SettingsSection>& sections);

/// Null where there is none.
const SettingsSection* FindSection(const std::vector<SettingsSection>& sections,
                                   std::string_view name);
const SettingSpec* FindSetting(const SettingsSection& section, std::string_view name);

/// The names of a section's settings.
std::vector<std::string> SettingNames(const SettingsSection& section);

/// `an integer`, `a list of strings`, ...: what a value of the type is, for messages.
std::string TypePhrase(SettingType type);

/// The bounds or choices in words, such as `from 1 to 65535`; empty where anything goes.
std::string BoundsPhrase(const SettingSpec& spec);

/// Turns a value as written into the value that `Settings` holds (a size becomes an integer, an
/// integer of a `kDouble` a double), and checks type, bounds and choices. Errors: BAD_ARGUMENT with
/// the end of a sentence that begins with the setting's name. The message does not show the value
/// of a secret. \param type_name how the value's type is called in messages
arrow::Result<Value> CheckValue(const SettingSpec& spec, const Value& written,
                                const std::string& type_name);

/// `LONGBOW_SERVER__LISTEN_PORT`; of a repeated section the key comes between.
std::string EnvironmentName(std::string_view section, std::string_view key,
                            std::string_view setting);

}  // namespace longbow::config
