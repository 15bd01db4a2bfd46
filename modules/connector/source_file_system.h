/// \file
/// The files of one source as Arrow's readers see them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <arrow/filesystem/localfs.h>

#include "source_files.h"

namespace longbow::connector {

/// Knows these files by their names below the source's folder and opens nothing else, so that what
/// Arrow says about a file names it as callers know it. Thread-safe.
class SourceFileSystem : public arrow::fs::LocalFileSystem {
 public:
  explicit SourceFileSystem(const SourceFiles& files);

  /// The name under which Arrow is to open the file `name`. Arrow tells the compression by the
  /// ending, and does not know all endings.
  static std::string NameForArrow(const std::string& name);

  using arrow::fs::LocalFileSystem::OpenInputFile;
  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const std::string& name) override;

 private:
  std::map<std::string, std::string> real_paths_;
};

}  // namespace longbow::connector
