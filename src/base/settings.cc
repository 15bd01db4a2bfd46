#include <longbow/settings.h>

#include <cstdio>
#include <cstdlib>

namespace longbow {
namespace {

[[noreturn]] void AbortUndeclared(std::string_view section, std::string_view name) {
  std::fprintf(stderr, "Bug: the setting [%.*s] %.*s is read but no section declares it\n",
               static_cast<int>(section.size()), section.data(), static_cast<int>(name.size()),
               name.data());
  std::abort();
}

}  // namespace

const Value& Settings::Get(std::string_view section, std::string_view name) const {
  auto table = sections_.find(section);
  if (table == sections_.end()) AbortUndeclared(section, name);
  auto value = table->second.find(name);
  if (value == table->second.end()) AbortUndeclared(section, name);
  return value->second;
}

bool Settings::GetBool(std::string_view section, std::string_view name) const {
  return Get(section, name).as_bool();
}

int64_t Settings::GetInt(std::string_view section, std::string_view name) const {
  return Get(section, name).as_int();
}

std::string Settings::GetString(std::string_view section, std::string_view name) const {
  const Value& value = Get(section, name);
  return value.is_null() ? std::string() : value.as_string();
}

const std::map<std::string, Settings::Table>& Settings::GetRepeated(
    std::string_view section) const {
  auto tables = repeated_.find(section);
  if (tables == repeated_.end()) AbortUndeclared(section, "*");
  return tables->second;
}

}  // namespace longbow
