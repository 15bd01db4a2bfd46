#include "config/document.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <sys/stat.h>

#include <toml++/toml.h>

namespace longbow::config {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{16} << 20;

std::string PlaceOf(const toml::source_region& source, const std::string& file) {
  return file + ":" + std::to_string(source.begin.line);
}

Value ToValue(const toml::node& node) {
  if (const auto* text = node.as_string()) return Value(text->get());
  if (const auto* number = node.as_integer()) return Value(number->get());
  if (const auto* number = node.as_floating_point()) return Value(number->get());
  if (const auto* flag = node.as_boolean()) return Value(flag->get());
  if (const auto* array = node.as_array()) {
    Value::List list;
    for (const toml::node& item : *array) list.push_back(ToValue(item));
    return Value(std::move(list));
  }
  if (const auto* table = node.as_table()) {
    Value::Object object;
    for (const auto& [key, item] : *table) object.emplace(std::string(key.str()), ToValue(item));
    return Value(std::move(object));
  }
  return Value();  // a date or time, which no setting has
}

Node ToNode(const toml::node& from, const std::string& file) {
  Node node;
  node.place = PlaceOf(from.source(), file);
  if (const toml::table* table = from.as_table()) {
    node.is_table = true;
    for (const auto& [key, child] : *table) {
      node.children.emplace(std::string(key.str()), ToNode(child, file));
    }
    return node;
  }
  node.value = ToValue(from);
  node.type_name = node.value.is_null() ? "date or time" : std::string(node.value.type_name());
  return node;
}

}  // namespace

std::string TomlKey(std::string_view key) {
  bool bare = !key.empty();
  for (char c : key) {
    bare = bare && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-');
  }
  // Quoted keys have JSON's escapes.
  return bare ? std::string(key) : Value(key).ToJson();
}

void Merge(Node* base, Node over) {
  if (!base->is_table || !over.is_table) {
    *base = std::move(over);
    return;
  }
  for (auto& [key, child] : over.children) {
    auto it = base->children.find(key);
    if (it == base->children.end()) {
      base->children.emplace(key, std::move(child));
    } else {
      Merge(&it->second, std::move(child));
    }
  }
}

Node ParseToml(std::string_view text, const std::string& name, std::vector<Problem>* problems) {
  Node empty;
  empty.is_table = true;
  empty.place = name;
  try {
    const toml::table table = toml::parse(text, std::string_view(name));
    Node node = ToNode(table, name);
    node.place = name;
    return node;
  } catch (const toml::parse_error& error) {
    problems->push_back(
        {PlaceOf(error.source(), name), "this is not TOML: " + std::string(error.description())});
  } catch (const std::exception& error) {
    problems->push_back({name, std::string("this cannot be parsed: ") + error.what()});
  }
  return empty;
}

Node ReadFiles(const std::vector<std::string>& files, std::vector<Problem>* problems) {
  Node merged;
  merged.is_table = true;
  for (const std::string& file : files) {
    struct stat info = {};
    std::ifstream stream;
    const bool is_there = stat(file.c_str(), &info) == 0;
    if (is_there && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
      // A pipe is empty the second time, and what is empty are the defaults: nobody is asked who
      // they are.
      problems->push_back({file,
                           "the settings file is no regular file; write the settings into one, "
                           "since they are read again while the node runs"});
      continue;
    }
    if (is_there && S_ISREG(info.st_mode)) {
      stream.open(file, std::ios::binary);
    } else if (is_there) {
      errno = EISDIR;
    }
    if (!stream.is_open()) {
      problems->push_back(
          {file, std::string("the settings file cannot be read: ") + std::strerror(errno)});
      continue;
    }
    if (info.st_size > kMaxFileBytes) {
      problems->push_back({file, "the settings file is larger than 16 MiB"});
      continue;
    }
    std::ostringstream text;
    text << stream.rdbuf();
    Merge(&merged, ParseToml(text.str(), file, problems));
  }
  return merged;
}

}  // namespace longbow::config
