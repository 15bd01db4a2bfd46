/// \file
/// A source of files, as the settings describe it.
#pragma once

#include <optional>
#include <string>

#include <arrow/result.h>

#include <longbow/settings.h>

#include "file_format.h"

namespace longbow::connector {

struct FileSourceConfig {
  std::string name;
  /// Absolute: a folder, a file or a glob.
  std::string path;
  /// Nothing: by each file's name.
  std::optional<FileType> format;
  /// Whether `key=value` folders are columns.
  bool hive = true;
  TextOptions text;
};

/// The definition of `[connector.source.NAME]`.
SettingsSection SourceSettings();

/// Reads a table of that section.
/// Errors: BAD_ARGUMENT, naming source and setting.
arrow::Result<FileSourceConfig> ParseSourceConfig(const std::string& name,
                                                  const Settings::Table& table);

}  // namespace longbow::connector
