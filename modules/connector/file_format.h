/// \file
/// The file formats that can be read, and how to tell them apart.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/dataset/type_fwd.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::connector {

enum class FileType { kParquet, kCsv, kJson, kArrow, kOrc };

/// As in the settings, in the order of `FileType`.
const std::vector<std::string>& FileTypeNames();
const std::string& FileTypeName(FileType type);
/// Nothing for an unknown name.
std::optional<FileType> FileTypeOfName(std::string_view name);

/// By the ending of a file's name, of which one for compression is looked through: `x.csv.gz` is
/// CSV. Nothing where it does not say.
std::optional<FileType> FileTypeOfFile(std::string_view file_name);

/// How text files are read.
struct TextOptions {
  /// Nothing: a tab for `.tsv`, else a comma.
  std::optional<char> delimiter;
  bool header = true;
  /// Of files without a header; empty: `f0`, `f1` and so on.
  std::vector<std::string> column_names;
  /// Types that are not to be guessed from the first lines.
  std::vector<std::pair<std::string, std::shared_ptr<arrow::DataType>>> column_types;
  std::vector<std::string> null_values;
  bool newlines_in_values = false;
};

/// Arrow's reader for files of `type`.
/// \param first_file the name of one of them
std::shared_ptr<arrow::dataset::FileFormat> MakeFileFormat(FileType type,
                                                           const TextOptions& options,
                                                           std::string_view first_file);

/// `zip=string`: a column's name and its type, as in the settings.
/// Errors: BAD_ARGUMENT, with the types that there are.
arrow::Result<std::pair<std::string, std::shared_ptr<arrow::DataType>>> ParseColumnType(
    std::string_view text);

}  // namespace longbow::connector
