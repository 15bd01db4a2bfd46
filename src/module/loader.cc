#include "module/loader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <dlfcn.h>

#include <longbow/error.h>

#include "base/nearest.h"
#include "module/elf_identity.h"

namespace longbow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "liblongbow_";
constexpr std::string_view kSuffix = ".so";
constexpr const char* kEntrySymbol = "longbow_module";

bool IsModuleName(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
  }
  return true;
}

arrow::Status Refuse(ErrorCode code, const std::string& path, const std::string& why) {
  return MakeError(code, "The module " + path + " is not loaded: " + why);
}

// The file's own words, fit for a terminal and a log.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

arrow::Status CheckIdentity(const std::string& path, const std::string& identity) {
  if (identity == LONGBOW_BUILD_IDENTITY) return arrow::Status::OK();
  return Refuse(ErrorCode::kBadArgument, path,
                "it was built as \"" + Printable(identity) + "\", but this server is \"" +
                    LONGBOW_BUILD_IDENTITY +
                    "\"; build the module again with the SDK of this server");
}

// Loads the library, whose identity is known to be right.
arrow::Result<const ModuleEntry*> OpenEntry(const std::string& path) {
  // RTLD_NODELETE: whatever happens to the handle, the code stays, for what still points into it.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = dlerror();
    return Refuse(ErrorCode::kBadArgument, path,
                  std::string(why == nullptr ? "unknown reason" : why) +
                      "; check that the libraries that it needs are installed");
  }
  const auto* entry = static_cast<const ModuleEntry*>(dlsym(handle, kEntrySymbol));
  if (entry == nullptr) {
    return Refuse(ErrorCode::kBadArgument, path,
                  "it does not export longbow_module; use LONGBOW_MODULE once in its code");
  }
  constexpr size_t kNeeded = offsetof(ModuleEntry, destroy) + sizeof(entry->destroy);
  if (entry->size < kNeeded || entry->identity == nullptr) {
    return Refuse(ErrorCode::kBadArgument, path, "its entry is damaged; build it again");
  }
  // The file said so already; this is what was really loaded.
  ARROW_RETURN_NOT_OK(CheckIdentity(path, entry->identity));
  if (entry->name == nullptr || entry->version == nullptr || entry->create == nullptr ||
      entry->destroy == nullptr || !IsModuleName(entry->name)) {
    return Refuse(ErrorCode::kBadArgument, path,
                  "its entry has no valid name (lower case letters, digits, - and _), version or "
                  "functions; check its LONGBOW_MODULE line");
  }
  return entry;
}

arrow::Result<Module*> Create(const ModuleEntry& entry, const std::string& path) {
  std::string why = "its create function gave nothing";
  try {
    if (Module* module = entry.create(); module != nullptr) return module;
  } catch (const std::exception& error) {
    why = std::string("creating it threw an exception: ") + error.what();
  } catch (...) {
    why = "creating it threw an exception";
  }
  return Refuse(ErrorCode::kInternalError, path,
                why + "; this is a bug of the module, leave it out or ask its author");
}

}  // namespace

void ModuleDestroyer::operator()(Module* module) const {
  try {
    destroy(module);
  } catch (...) {
    // A destructor that throws has left the module half destroyed; there is nothing to undo, and
    // nobody who could act on it.
  }
}

std::vector<std::string> ModuleLoader::AvailableModules() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(module_dir_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.size() <= kPrefix.size() + kSuffix.size() || !file.starts_with(kPrefix) ||
        !file.ends_with(kSuffix)) {
      continue;
    }
    names.push_back(file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

arrow::Result<std::string> ModuleLoader::FindLibrary(const std::string& name_or_path) const {
  std::error_code error;
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(kSuffix)) {
    // A path without a slash would make dlopen() search the system's folders.
    const fs::path path = fs::absolute(name_or_path, error);
    if (!error && fs::exists(path, error)) return path.lexically_normal().string();
    return MakeError(ErrorCode::kNotFound,
                     "There is no module library " + name_or_path + "; check the path");
  }
  if (!IsModuleName(name_or_path)) {
    return MakeError(ErrorCode::kBadArgument,
                     "\"" + name_or_path +
                         "\" is no module: give a name of lower case letters, digits, - and _, or "
                         "the path of a library");
  }
  const fs::path path =
      fs::path(module_dir_) / (std::string(kPrefix) + name_or_path + std::string(kSuffix));
  if (fs::exists(path, error)) return path.string();
  const auto available = AvailableModules();
  std::string message = "There is no module " + name_or_path + " in " + module_dir_;
  const std::string nearest = NearestName(name_or_path, available);
  if (!nearest.empty()) {
    message += "; did you mean " + nearest + "?";
  } else if (available.empty()) {
    message += ", which holds no module at all; check the setting server.module_dir";
  } else {
    message += "; there are";
    for (size_t i = 0; i < available.size(); ++i) message += (i ? ", " : " ") + available[i];
  }
  return MakeError(ErrorCode::kNotFound, std::move(message));
}

arrow::Result<LoadedModule> ModuleLoader::Load(const std::string& name_or_path) const {
  ARROW_ASSIGN_OR_RAISE(const std::string path, FindLibrary(name_or_path));
  ARROW_ASSIGN_OR_RAISE(const auto identity, ReadModuleIdentity(path));
  if (!identity) {
    return Refuse(
        ErrorCode::kBadArgument, path,
        "it is a library, but not a Longbow module; its code needs a LONGBOW_MODULE line");
  }
  ARROW_RETURN_NOT_OK(CheckIdentity(path, *identity));
  ARROW_ASSIGN_OR_RAISE(const ModuleEntry* entry, OpenEntry(path));
  if (IsModuleName(name_or_path) && name_or_path != entry->name) {
    return Refuse(ErrorCode::kBadArgument, path,
                  "it says that its name is " + std::string(entry->name) +
                      "; the library must be called " + std::string(kPrefix) + entry->name +
                      std::string(kSuffix));
  }
  ARROW_ASSIGN_OR_RAISE(Module * module, Create(*entry, path));
  LoadedModule loaded;
  loaded.name = entry->name;
  loaded.version = entry->version;
  loaded.path = path;
  loaded.module = {module, ModuleDestroyer{entry->destroy}};
  return loaded;
}

std::string DefaultModuleDir() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path root = error ? fs::current_path(error) : program.parent_path().parent_path();
  return (root / "lib" / "longbow" / "modules").string();
}

}  // namespace longbow
