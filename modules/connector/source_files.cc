#include "source_files.h"

#include <glob.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include <longbow/error.h>

#include "column_names.h"

namespace longbow::connector {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 100'000;

bool IsGlob(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

// The part of a glob before its first wildcard.
fs::path GlobFolder(const std::string& pattern) {
  return fs::path(pattern.substr(0, pattern.find_first_of("*?["))).parent_path();
}

// The text as a glob that fits only itself.
std::string EscapeGlob(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

bool IsInside(const fs::path& root, const fs::path& real_path) {
  auto [root_end, ignored] =
      std::mismatch(root.begin(), root.end(), real_path.begin(), real_path.end());
  return root_end == root.end();
}

bool IsHidden(const std::string& name) { return name.empty() || name[0] == '.' || name[0] == '_'; }

// Collects the files of one source.
class Finder {
 public:
  explicit Finder(const FileSourceConfig& config) : config_(config) {}

  arrow::Result<SourceFiles> Find(const std::optional<std::string>& path);

 private:
  arrow::Status FindAll();
  arrow::Status FindInside(const std::string& path);
  arrow::Status FindGlob();
  arrow::Status AddFolder(const fs::path& folder);
  arrow::Status AddFolderEntry(const fs::directory_entry& entry, bool* descend);
  arrow::Status AddFile(const fs::path& path, bool chosen_by_name);
  arrow::Result<FileType> TypeOfAll() const;

  arrow::Status SetRoot(const fs::path& folder);
  // The place of `path` with links resolved, inside of the root.
  arrow::Result<fs::path> Resolve(const fs::path& path) const;
  // The name of a place below the root, as its callers write it.
  std::string NameOf(const fs::path& path) const {
    return path.lexically_relative(root_).generic_string();
  }
  std::string Source() const { return "the source '" + config_.name + "'"; }
  arrow::Status Absent() const;
  arrow::Status NothingThere(const std::string& path) const;
  arrow::Status Outside(const std::string& name) const;
  arrow::Status Unreadable(const std::string& name, const std::error_code& error) const;

  const FileSourceConfig& config_;
  fs::path root_;
  std::vector<SourceFile> files_;
  size_t left_out_ = 0;
};

arrow::Result<SourceFiles> Finder::Find(const std::optional<std::string>& path) {
  ARROW_RETURN_NOT_OK(path.has_value() ? FindInside(*path) : FindAll());
  if (files_.empty()) {
    const std::string where = path.has_value() ? "'" + *path + "' of " + Source() : Source();
    if (left_out_ == 0) return MakeError(ErrorCode::kNotFound, where + " holds no files");
    return MakeError(ErrorCode::kNotFound,
                     "none of the " + std::to_string(left_out_) + " files of " + where +
                         " can be told by its name to be " +
                         (config_.format ? FileTypeName(*config_.format) : "of a known format") +
                         ": name a file with `path`");
  }
  std::sort(files_.begin(), files_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  SourceFiles found;
  ARROW_ASSIGN_OR_RAISE(found.type, TypeOfAll());
  found.files = std::move(files_);
  return found;
}

arrow::Status Finder::FindAll() {
  if (IsGlob(config_.path)) return FindGlob();
  std::error_code error;
  const auto status = fs::status(config_.path, error);
  if (fs::is_directory(status)) {
    ARROW_RETURN_NOT_OK(SetRoot(config_.path));
    return AddFolder(root_);
  }
  if (!fs::is_regular_file(status)) return Absent();
  // The file itself is the operator's choice, wherever a link of that name leads.
  const auto real_path = fs::canonical(config_.path, error);
  const auto bytes = error ? 0 : fs::file_size(real_path, error);
  if (error) return Absent();
  files_.push_back({fs::path(config_.path).filename().string(), real_path.string(),
                    static_cast<int64_t>(bytes)});
  return arrow::Status::OK();
}

arrow::Status Finder::FindInside(const std::string& path) {
  const fs::path relative(path);
  if (path.empty() || path.find('\0') != std::string::npos) {
    return MakeError(ErrorCode::kBadArgument,
                     "the payload's field `path` must name a file or folder of " + Source());
  }
  if (relative.is_absolute() ||
      std::find(relative.begin(), relative.end(), fs::path("..")) != relative.end()) {
    return Outside(path);
  }
  const std::string wanted = (relative / "").lexically_normal().parent_path().generic_string();
  std::error_code error;
  if (!IsGlob(config_.path) && fs::is_directory(config_.path, error)) {
    ARROW_RETURN_NOT_OK(SetRoot(config_.path));
    const auto target = root_ / wanted;
    ARROW_ASSIGN_OR_RAISE(const auto real_path, Resolve(target));
    if (fs::is_directory(real_path, error)) return AddFolder(real_path);
    if (!fs::is_regular_file(real_path, error)) return NothingThere(path);
    return AddFile(target, true);
  }
  ARROW_RETURN_NOT_OK(FindAll());
  auto is_other = [&](const SourceFile& file) {
    return file.name != wanted && !file.name.starts_with(wanted + "/");
  };
  std::vector<std::string> names;
  for (const auto& file : files_) names.push_back(file.name);
  std::erase_if(files_, is_other);
  if (!files_.empty()) return arrow::Status::OK();
  return MakeError(ErrorCode::kNotFound,
                   Source() + " has no '" + path + "'" + Suggestion(path, names));
}

arrow::Status Finder::FindGlob() {
  std::error_code error;
  const auto folder = GlobFolder(config_.path);
  if (!fs::is_directory(folder, error)) return Absent();
  ARROW_RETURN_NOT_OK(SetRoot(folder));
  const std::string below_root = config_.path.substr(folder.string().size());
  glob_t matches = {};
  const std::string pattern =
      EscapeGlob(root_.string()) + (below_root[0] == '/' ? "" : "/") + below_root;
  std::unique_ptr<glob_t, void (*)(glob_t*)> free_matches(&matches, globfree);
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches) != 0) return Absent();
  for (size_t i = 0; i < matches.gl_pathc; ++i) {
    const fs::path match = matches.gl_pathv[i];
    if (fs::is_directory(match, error)) {
      ARROW_ASSIGN_OR_RAISE(const auto real_path, Resolve(match));
      ARROW_RETURN_NOT_OK(AddFolder(real_path));
    } else if (fs::is_regular_file(match, error)) {
      ARROW_RETURN_NOT_OK(AddFile(match, true));
    }
  }
  return arrow::Status::OK();
}

arrow::Status Finder::AddFolder(const fs::path& folder) {
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (const auto end = fs::recursive_directory_iterator(); !error && it != end;
       it.increment(error)) {
    bool descend = true;
    ARROW_RETURN_NOT_OK(AddFolderEntry(*it, &descend));
    if (!descend) it.disable_recursion_pending();
  }
  if (error) return Unreadable(NameOf(folder), error);
  return arrow::Status::OK();
}

arrow::Status Finder::AddFolderEntry(const fs::directory_entry& entry, bool* descend) {
  if (IsHidden(entry.path().filename().string())) {
    *descend = false;
    return arrow::Status::OK();
  }
  std::error_code error;
  // A link to a folder is not followed: inside of the source its files are found where they are.
  if (entry.is_directory(error)) {
    if (!entry.is_symlink(error)) return arrow::Status::OK();
    return Resolve(entry.path()).status();
  }
  if (!entry.is_regular_file(error)) return arrow::Status::OK();
  return AddFile(entry.path(), false);
}

arrow::Status Finder::AddFile(const fs::path& path, bool chosen_by_name) {
  if (!chosen_by_name) {
    const auto type = FileTypeOfFile(path.filename().string());
    const bool fits = !config_.format.has_value() ? type.has_value()
                      : type.has_value()          ? type == config_.format
                                                  : !path.has_extension();
    if (!fits) {
      ++left_out_;
      return arrow::Status::OK();
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto real_path, Resolve(path));
  std::error_code error;
  const auto bytes = fs::file_size(real_path, error);
  if (error) return Unreadable(NameOf(path), error);
  if (files_.size() >= kMostFiles) {
    return MakeError(ErrorCode::kResourceExhausted, Source() + " has more than " +
                                                        std::to_string(kMostFiles) +
                                                        " files: name a part of it with `path`");
  }
  files_.push_back({NameOf(path), real_path.string(), static_cast<int64_t>(bytes)});
  return arrow::Status::OK();
}

arrow::Result<FileType> Finder::TypeOfAll() const {
  if (config_.format.has_value()) return *config_.format;
  std::optional<FileType> common;
  for (const auto& file : files_) {
    const auto type = FileTypeOfFile(file.name);
    if (!type.has_value()) {
      return MakeError(ErrorCode::kBadArgument,
                       "the format of '" + file.name + "' of " + Source() +
                           " is not clear from its name: set `format` of the source");
    }
    if (common.has_value() && *common != *type) {
      return MakeError(ErrorCode::kBadArgument,
                       Source() + " holds files of several formats, such as " +
                           FileTypeName(*common) + " and " + FileTypeName(*type) +
                           ": name one with `path`, or set `format` of the source");
    }
    common = type;
  }
  return *common;
}

arrow::Status Finder::SetRoot(const fs::path& folder) {
  std::error_code error;
  root_ = fs::canonical(folder, error);
  return error ? Absent() : arrow::Status::OK();
}

arrow::Result<fs::path> Finder::Resolve(const fs::path& path) const {
  std::error_code error;
  const auto real_path = fs::weakly_canonical(path, error);
  if (error) return Unreadable(NameOf(path), error);
  // Before it is asked whether it exists: what exists outside is nobody's business.
  if (!IsInside(root_, real_path)) return Outside(NameOf(path));
  if (!fs::exists(real_path, error)) return NothingThere(NameOf(path));
  return real_path;
}

arrow::Status Finder::Absent() const {
  return MakeError(ErrorCode::kNotFound,
                   "the files of " + Source() +
                       " are not there: check its `path` in the settings of the server");
}

arrow::Status Finder::NothingThere(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it((root_ / path).parent_path(), error), end;
       !error && it != end && names.size() < 1000; it.increment(error)) {
    if (!IsHidden(it->path().filename().string())) names.push_back(NameOf(it->path()));
  }
  std::sort(names.begin(), names.end());
  return MakeError(ErrorCode::kNotFound,
                   Source() + " has no '" + path + "'" + Suggestion(path, names));
}

arrow::Status Finder::Outside(const std::string& name) const {
  return MakeError(ErrorCode::kPermissionDenied, "'" + name + "' leads out of the folder of " +
                                                     Source() +
                                                     ": name a file or folder inside of it");
}

arrow::Status Finder::Unreadable(const std::string& name, const std::error_code& error) const {
  return MakeError(ErrorCode::kCommandFailed,
                   "'" + name + "' of " + Source() + " cannot be read: " + error.message());
}

}  // namespace

arrow::Result<SourceFiles> FindSourceFiles(const FileSourceConfig& config,
                                           const std::optional<std::string>& path) {
  return Finder(config).Find(path);
}

}  // namespace longbow::connector
