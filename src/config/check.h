/// \file
/// Compares what was written with what is declared, and makes `Settings` of it. Pure.
///
/// A text may be a reference to a secret (`secret/secret_reference.h`) wherever a text is declared:
/// here only its form is checked, and `config/resolve.h` does the rest.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <longbow/settings.h>

#include "config/document.h"
#include "config/problem.h"

namespace longbow::config {

/// A setting as it is in force.
struct EffectiveSetting {
  std::string table;  ///< the TOML table: `server`, `connector.source.nyc`
  SettingSpec spec;
  Value value;         ///< as in `Settings`; null: not set
  std::string origin;  ///< a place, or `default`
};

/// The values of all settings, by section; where a section is repeated, by key first.
struct SettingTables {
  std::map<std::string, Settings::Table, std::less<>> sections;
  std::map<std::string, std::map<std::string, Settings::Table>, std::less<>> repeated;

  Settings ToSettings() const { return Settings(sections, repeated); }

  bool operator==(const SettingTables& other) const = default;
};

/// The outcome of a check.
struct CheckedSettings {
  /// Complete in any case; where there was a problem, the default stands.
  Settings settings;
  /// The same, to be looked through. References to secrets are as they were written.
  SettingTables tables;
  /// In the order of the declarations, repeated tables in the order of their keys.
  std::vector<EffectiveSetting> effective;
  /// All that is wrong, in the order of the document.
  std::vector<Problem> problems;
};

/// `sections` have passed `CheckDeclarations`.
CheckedSettings CheckSettings(const Node& document, const std::vector<SettingsSection>& sections);

/// The texts of a setting that is a list of them.
std::vector<std::string> ToStrings(const Value& list);

}  // namespace longbow::config
