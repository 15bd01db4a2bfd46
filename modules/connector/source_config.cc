#include "source_config.h"

#include <filesystem>
#include <utility>
#include <vector>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

SettingSpec Setting(std::string name, SettingType type, Value default_value, std::string summary) {
  SettingSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.default_value = std::move(default_value);
  spec.summary = std::move(summary);
  return spec;
}

arrow::Status Bad(const std::string& source, const std::string& problem) {
  return MakeError(ErrorCode::kBadArgument, "[connector.source." + source + "] " + problem);
}

// The value of a setting; null where the table has none.
const Value& Get(const Settings::Table& table, std::string_view name) {
  static const Value null;
  auto it = table.find(name);
  return it == table.end() ? null : it->second;
}

std::string TextOf(const Value& value) { return value.is_string() ? value.as_string() : ""; }

std::vector<std::string> TextsOf(const Value& value) {
  std::vector<std::string> texts;
  if (!value.is_list()) return texts;
  for (const auto& item : value.as_list()) texts.push_back(TextOf(item));
  return texts;
}

arrow::Result<TextOptions> ParseTextOptions(const std::string& name, const Settings::Table& table) {
  TextOptions text;
  const std::string delimiter = TextOf(Get(table, "delimiter"));
  if (delimiter.size() > 1) {
    return Bad(name, "delimiter '" + delimiter + "' must be one character");
  }
  if (!delimiter.empty()) text.delimiter = delimiter[0];
  if (const auto& header = Get(table, "header"); header.is_bool()) text.header = header.as_bool();
  text.column_names = TextsOf(Get(table, "column_names"));
  if (text.header && !text.column_names.empty()) {
    return Bad(name, "column_names is for files without a header: set header = false, too");
  }
  for (const auto& written : TextsOf(Get(table, "column_types"))) {
    auto column = ParseColumnType(written);
    if (!column.ok()) return Bad(name, "column_types: " + column.status().message());
    text.column_types.push_back(*std::move(column));
  }
  text.null_values = TextsOf(Get(table, "null_values"));
  const auto& newlines = Get(table, "newlines_in_values");
  text.newlines_in_values = newlines.is_bool() && newlines.as_bool();
  return text;
}

}  // namespace

SettingsSection SourceSettings() {
  SettingsSection section;
  section.name = "connector.source";
  section.repeated = true;
  section.summary = "What the service connector reads from: NAME is the `source` of its commands.";
  auto type = Setting("type", SettingType::kString, "files", "What kind of source it is.");
  type.choices = {"files"};
  auto path = Setting("path", SettingType::kString, {},
                      "A folder, a file or a glob; commands cannot reach out of its folder.");
  path.required = true;
  auto format = Setting("format", SettingType::kString, {},
                        "The files' format; absent: by each file's name, such as x.csv.gz.");
  format.choices = FileTypeNames();
  auto partitioning = Setting("partitioning", SettingType::kString, "hive",
                              "Whether folders named key=value are columns of their files.");
  partitioning.choices = {"hive", "none"};
  section.settings = {
      type,
      path,
      format,
      partitioning,
      Setting("delimiter", SettingType::kString, {},
              "Between the values of CSV; absent: a tab in .tsv files, else a comma."),
      Setting("header", SettingType::kBool, true, "Whether CSV begins with the columns' names."),
      Setting("column_names", SettingType::kStringList, Value::List{},
              "The columns of CSV without a header; absent: f0, f1 and so on."),
      Setting("column_types", SettingType::kStringList, Value::List{},
              "Types of CSV columns that are guessed wrong from the first 4 MiB, such as "
              "\"zip=string\" or \"price=decimal(12,2)\"."),
      Setting("null_values", SettingType::kStringList, Value::List{"", "NA", "NULL", "null"},
              "What stands for null in CSV."),
      Setting("newlines_in_values", SettingType::kBool, false,
              "Whether quoted CSV values may hold line breaks; reading is slower with it."),
  };
  return section;
}

arrow::Result<FileSourceConfig> ParseSourceConfig(const std::string& name,
                                                  const Settings::Table& table) {
  FileSourceConfig config;
  config.name = name;
  const auto& type = Get(table, "type");
  if (!type.is_null() && TextOf(type) != "files") {
    return Bad(name, "type '" + TextOf(type) + "' is unknown: the only one is files");
  }
  const std::string path = TextOf(Get(table, "path"));
  if (path.empty()) return Bad(name, "path is not set: name a folder, a file or a glob");
  std::error_code error;
  config.path = std::filesystem::absolute(path, error).lexically_normal().string();
  if (error) return Bad(name, "path '" + path + "' cannot be used: " + error.message());
  if (const auto& format = Get(table, "format"); !format.is_null()) {
    config.format = FileTypeOfName(TextOf(format));
    if (!config.format.has_value()) {
      return Bad(
          name, "format '" + TextOf(format) + "' is unknown: use parquet, csv, json, arrow or orc");
    }
  }
  const std::string partitioning = TextOf(Get(table, "partitioning"));
  if (partitioning != "" && partitioning != "hive" && partitioning != "none") {
    return Bad(name, "partitioning '" + partitioning + "' is unknown: use hive or none");
  }
  config.hive = partitioning != "none";
  ARROW_ASSIGN_OR_RAISE(config.text, ParseTextOptions(name, table));
  return config;
}

}  // namespace longbow::connector
