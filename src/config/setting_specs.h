/// \file
/// Short ways to write the declarations of settings. Pure.
#pragma once

#include <cstdint>
#include <string>

#include <longbow/settings.h>

namespace longbow::config {

inline constexpr double kKiB = 1024;
inline constexpr double kMiB = 1024 * kKiB;
inline constexpr double kGiB = 1024 * kMiB;
inline constexpr double kTiB = 1024 * kGiB;

/// Both ends are allowed.
struct Range {
  double min;
  double max;
};

SettingSpec Text(std::string name, Value default_value, std::string summary);
/// A text that is never shown.
SettingSpec Secret(std::string name, std::string summary);
SettingSpec Texts(std::string name, Value::List default_value, std::string summary);
SettingSpec Flag(std::string name, bool default_value, std::string summary);
SettingSpec Choice(std::string name, std::string default_value, std::vector<std::string> choices,
                   std::string summary);
SettingSpec Count(std::string name, int64_t default_value, Range range, std::string summary);
SettingSpec Seconds(std::string name, int64_t default_value, Range range, std::string summary);
SettingSpec Milliseconds(std::string name, int64_t default_value, Range range, std::string summary);
SettingSpec Size(std::string name, double default_value, Range range, std::string summary);

/// The same without a default.
SettingSpec Optional(SettingSpec spec);
/// The same, which may be written as @ and the path of a file.
SettingSpec TakesFile(SettingSpec spec);
/// The same, taken over without a restart.
SettingSpec Reloadable(SettingSpec spec);

}  // namespace longbow::config
