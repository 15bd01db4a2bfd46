/// \file
/// How a module declares its settings, and how it reads them.
///
/// A setting has one definition: type, default, bounds, unit and a sentence. From it come the
/// checks at start, `longbow check-config --explain`, the sample file and the reference page.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/value.h>

namespace longbow {

enum class SettingType {
  kBool,
  kInt,
  kDouble,
  kString,
  kStringList,
  kBytes,  ///< A size: an integer of bytes, or a text such as "512MB" or "2GiB"; read as int64.
};

/// The one definition of a setting.
struct SettingSpec {
  std::string name;  ///< snake_case; a duration or size ends in its unit (`_sec`, `_ms`)
  SettingType type = SettingType::kString;
  Value default_value = {};  ///< null: no default; reading gives null, and absent is allowed
  std::string summary = {};  ///< one sentence: what it does, and when one would change it
  std::string unit = {};     ///< for people: "s", "bytes"; may be empty
  double min = std::numeric_limits<double>::lowest();  ///< inclusive; numbers and sizes
  double max = std::numeric_limits<double>::max();     ///< inclusive; numbers and sizes
  std::vector<std::string> choices = {};               ///< texts: the allowed ones; empty: any
  bool required = false;    ///< must be set; only sensible in a repeated section
  bool secret = false;      ///< its value is never printed
  bool takes_file = false;  ///< may be written as @ and the path of a file with the text
  /// A new value is taken over without a restart (`Module::ApplySettings`).
  bool reloadable = false;
};

/// A TOML table: `[name]`, or, where `repeated`, any number of `[name.KEY]`.
struct SettingsSection {
  std::string name;     ///< such as "storage" or "connector.source"
  std::string summary;  ///< a sentence
  bool repeated = false;
  std::vector<SettingSpec> settings = {};
};

/// Checked settings: every key is declared, every value has its type and lies within its bounds,
/// absent ones have their defaults. Immutable, so safe from any thread.
class Settings {
 public:
  using Table = std::map<std::string, Value, std::less<>>;

  Settings() = default;
  Settings(std::map<std::string, Table, std::less<>> sections,
           std::map<std::string, std::map<std::string, Table>, std::less<>> repeated)
      : sections_(std::move(sections)), repeated_(std::move(repeated)) {}

  /// The setting's value; null where it has neither a value nor a default. Asking for one that no
  /// section declares is a bug in the caller and aborts.
  const Value& Get(std::string_view section, std::string_view name) const;
  bool GetBool(std::string_view section, std::string_view name) const;
  int64_t GetInt(std::string_view section, std::string_view name) const;         ///< also of kBytes
  std::string GetString(std::string_view section, std::string_view name) const;  ///< "" if null

  /// The tables of a repeated section by their key, in the order of the keys.
  const std::map<std::string, Table>& GetRepeated(std::string_view section) const;

 private:
  std::map<std::string, Table, std::less<>> sections_;
  std::map<std::string, std::map<std::string, Table>, std::less<>> repeated_;
};

}  // namespace longbow
