#include "config/describe.h"

#include <sstream>
#include <utility>

#include "config/declarations.h"
#include "config/size.h"

namespace longbow::config {
namespace {

constexpr size_t kCommentWidth = 96;

std::string QuoteToml(const std::string& text) {
  // TOML's basic strings have JSON's escapes.
  return Value(text).ToJson();
}

std::string ValueText(const SettingSpec& spec, const Value& value) {
  if (spec.type == SettingType::kBytes && value.is_int()) {
    return value.as_int() == 0 ? "0" : QuoteToml(FormatSize(value.as_int()));
  }
  if (value.is_list()) {
    std::string text;
    for (const Value& item : value.as_list()) {
      text += (text.empty() ? "" : ", ") + ValueText(spec, item);
    }
    return "[" + text + "]";
  }
  return value.ToJson();
}

// A value that the checks accept, for a setting that has no default.
std::string ExampleText(const SettingSpec& spec) {
  if (!spec.choices.empty()) {
    const std::string choice = QuoteToml(spec.choices.front());
    return spec.type == SettingType::kStringList ? "[" + choice + "]" : choice;
  }
  switch (spec.type) {
    case SettingType::kBool:
      return "false";
    case SettingType::kInt:
    case SettingType::kDouble:
    case SettingType::kBytes:
      return std::to_string(spec.min > 0 ? static_cast<int64_t>(spec.min) : 0);
    case SettingType::kString:
      return "\"\"";
    case SettingType::kStringList:
      return "[]";
  }
  return "\"\"";
}

// `text` in lines that begin with `# `.
std::string Comment(const std::string& text) {
  std::istringstream words(text);
  std::string out, line, word;
  while (words >> word) {
    if (!line.empty() && line.size() + 1 + word.size() > kCommentWidth) {
      out += "# " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + "# " + line + "\n";
}

std::string TypeName(SettingType type) {
  switch (type) {
    case SettingType::kBool:
      return "boolean";
    case SettingType::kInt:
      return "integer";
    case SettingType::kDouble:
      return "number";
    case SettingType::kString:
      return "string";
    case SettingType::kStringList:
      return "list of strings";
    case SettingType::kBytes:
      return "size";
  }
  return "";
}

// `integer, from 1 to 65535`; `number of s, at least 0 s`.
std::string Allowed(const SettingSpec& spec) {
  std::string text = TypeName(spec.type);
  const std::string bounds = BoundsPhrase(spec);
  if (!bounds.empty()) {
    text += ", " + bounds;
  } else if (!spec.unit.empty() && spec.type != SettingType::kBytes) {
    text += " (" + spec.unit + ")";
  }
  return text;
}

std::string EscapeCell(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string Header(const SettingsSection& section) {
  return "[" + section.name + (section.repeated ? ".NAME]" : "]");
}

constexpr std::string_view kPageHead =
    R"(# Settings

<!-- Made by `longbow check-config --reference`; do not edit. -->

Settings come from TOML files (`longbow start --config FILE...`, later files merged over earlier
ones key by key) and then from environment variables. Everything has a default: without any, a
server listens on 127.0.0.1:17001.

- Environment: `LONGBOW_{SECTION}__{SETTING}` in upper case; a dot of a section's name is written
  `__`. `LONGBOW_SERVER__LISTEN_PORT` is `listen_port` of `[server]`. In a section with many tables
  the table's key comes between: `LONGBOW_CONNECTOR__SOURCE__NYC__PATH` is `path` of
  `[connector.source.nyc]`. Such a key is the one in the files that it spells, with `_` for what is
  neither letter nor digit, or else a new one in lower case. Lists are written with commas between,
  or as a JSON list. Variables without `__` after `LONGBOW_` are not settings.
- A size is a number of bytes, or a text such as `"512MB"` (decimal) or `"512MiB"` (binary).
- A PEM setting holds the text itself, or `@` and the path of a file that does.
- An unknown key, a wrong type or a value out of bounds is an error that names the file, the line
  and the nearest known key, and nothing starts. `longbow check-config` tells all of them at once;
  `--explain` shows what is in force and where it came from; `--sample` prints a file to begin with.
- The sections of a module are known only while it is loaded: this page has those of the modules
  that are loaded by default.
- Any text may be a reference to a secret: `env:NAME`, `file:/path` or `vault:MOUNT/PATH#KEY`. A
  text that must begin like one is written with `literal:` in front.
)";

}  // namespace

std::string ExplainSettings(const std::vector<EffectiveSetting>& effective) {
  std::string out, table;
  for (const EffectiveSetting& setting : effective) {
    if (setting.table != table) {
      table = setting.table;
      out += (out.empty() ? "" : "\n") + ("[" + table + "]\n");
    }
    const SettingSpec& spec = setting.spec;
    out += "\n" + Comment(spec.summary + " (" + Allowed(spec) + ")");
    if (setting.value.is_null()) {
      out += "# " + spec.name + " is not set\n";
    } else if (spec.secret) {
      out += "# " + spec.name + " is set, and not shown  (" + setting.origin + ")\n";
    } else {
      out += spec.name + " = " + ValueText(spec, setting.value) + "  # " + setting.origin + "\n";
    }
  }
  return out;
}

std::string SampleSettings(const std::vector<SettingsSection>& sections) {
  std::string out =
      "# Settings of Longbow: all there are, with their defaults, commented out.\n"
      "# `longbow check-config --config FILE` checks a file.\n";
  for (const SettingsSection& section : sections) {
    out += "\n" + Comment(section.summary);
    out += (section.repeated ? "#" : "") + Header(section) + "\n";
    for (const SettingSpec& spec : section.settings) {
      std::string notes = Allowed(spec);
      if (spec.required) notes += "; required";
      if (spec.default_value.is_null() && !spec.required) notes += "; not set by default";
      out += "\n" + Comment(spec.summary + " (" + notes + ")");
      out +=
          "#" + spec.name + " = " +
          (spec.default_value.is_null() ? ExampleText(spec) : ValueText(spec, spec.default_value)) +
          "\n";
    }
  }
  return out;
}

std::string ReferencePage(const std::vector<SettingsSection>& sections) {
  std::string out(kPageHead);
  for (const SettingsSection& section : sections) {
    out += "\n## `" + Header(section) + "`\n\n" + section.summary;
    if (section.repeated) out += " Any number of tables, each with a NAME of its own.";
    out += "\n\n| setting | default | allowed | what it does |\n| --- | --- | --- | --- |\n";
    for (const SettingSpec& spec : section.settings) {
      std::string value = spec.required ? "required" : "not set";
      if (!spec.default_value.is_null()) {
        value = "`" + ValueText(spec, spec.default_value) + "`";
      }
      out += "| `" + spec.name + "` | " + EscapeCell(value) + " | " + EscapeCell(Allowed(spec)) +
             " | " + EscapeCell(spec.summary) + (spec.secret ? " Never printed." : "") +
             (spec.reloadable ? " Taken over without a restart." : "") + " |\n";
    }
  }
  return out;
}

}  // namespace longbow::config
