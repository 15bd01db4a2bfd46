/// \file
/// The folder that holds the spill folders of an engine's queries.
#pragma once

#include <memory>
#include <string>

#include <arrow/result.h>

namespace longbow::sql {

/// A folder of its own inside a shared one, readable by this user only; removed, with what is in
/// it, by the destructor, or by the next one that is made beside it if this process dies before
/// that.
class SpillFolder {
 public:
  /// Makes `parent/longbow-sql-NUMBER`, and removes what dead processes left in `parent`.
  /// Errors: BAD_ARGUMENT where `parent` is no folder that can be written to.
  static arrow::Result<std::unique_ptr<SpillFolder>> Make(const std::string& parent);

  ~SpillFolder();
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  SpillFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  /// An open file inside, locked for as long as the process lives.
  int lock_;
};

}  // namespace longbow::sql
