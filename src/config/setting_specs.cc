#include "config/setting_specs.h"

#include <utility>

namespace longbow::config {

SettingSpec Text(std::string name, Value default_value, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kString,
          .default_value = std::move(default_value),
          .summary = std::move(summary)};
}

SettingSpec Secret(std::string name, std::string summary) {
  SettingSpec spec = Text(std::move(name), nullptr, std::move(summary));
  spec.secret = true;
  return spec;
}

SettingSpec Texts(std::string name, Value::List default_value, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kStringList,
          .default_value = std::move(default_value),
          .summary = std::move(summary)};
}

SettingSpec Flag(std::string name, bool default_value, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kBool,
          .default_value = default_value,
          .summary = std::move(summary)};
}

SettingSpec Choice(std::string name, std::string default_value, std::vector<std::string> choices,
                   std::string summary) {
  SettingSpec spec = Text(std::move(name), std::move(default_value), std::move(summary));
  spec.choices = std::move(choices);
  return spec;
}

SettingSpec Count(std::string name, int64_t default_value, Range range, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kInt,
          .default_value = default_value,
          .summary = std::move(summary),
          .min = range.min,
          .max = range.max};
}

SettingSpec Seconds(std::string name, int64_t default_value, Range range, std::string summary) {
  SettingSpec spec = Count(std::move(name), default_value, range, std::move(summary));
  spec.unit = "s";
  return spec;
}

SettingSpec Milliseconds(std::string name, int64_t default_value, Range range,
                         std::string summary) {
  SettingSpec spec = Count(std::move(name), default_value, range, std::move(summary));
  spec.unit = "ms";
  return spec;
}

SettingSpec Size(std::string name, double default_value, Range range, std::string summary) {
  SettingSpec spec =
      Count(std::move(name), static_cast<int64_t>(default_value), range, std::move(summary));
  spec.type = SettingType::kBytes;
  spec.unit = "bytes";
  return spec;
}

SettingSpec Optional(SettingSpec spec) {
  spec.default_value = nullptr;
  return spec;
}

SettingSpec TakesFile(SettingSpec spec) {
  spec.takes_file = true;
  return spec;
}

SettingSpec Reloadable(SettingSpec spec) {
  spec.reloadable = true;
  return spec;
}

}  // namespace longbow::config
