#include "source_file_system.h"

#include <cerrno>
#include <cstring>

#include <arrow/io/file.h>
#include <arrow/util/io_util.h>

namespace longbow::connector {

SourceFileSystem::SourceFileSystem(const SourceFiles& files) {
  for (const auto& file : files.files) real_paths_[NameForArrow(file.name)] = file.real_path;
}

std::string SourceFileSystem::NameForArrow(const std::string& name) {
  return name.ends_with(".zst") ? name + "d" : name;
}

arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> SourceFileSystem::OpenInputFile(
    const std::string& name) {
  auto it = real_paths_.find(name);
  if (it == real_paths_.end()) return arrow::Status::IOError("there is no such file");
  auto file = arrow::io::ReadableFile::Open(it->second);
  if (file.ok()) return *std::move(file);
  // Arrow's own message shows where the file lies on the server.
  const int error = arrow::internal::ErrnoFromStatus(file.status());
  return arrow::Status::IOError(error != 0 ? std::strerror(error) : "it cannot be opened");
}

}  // namespace longbow::connector
