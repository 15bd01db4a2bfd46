#include "flight_summary.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <longbow/value.h>

#include "display_text.h"

namespace longbow::client {
namespace {

constexpr int64_t kMicros = 1'000'000;

void AppendLine(const char* name, const std::string& text, std::string* out) {
  char label[32];
  std::snprintf(label, sizeof(label), "%-10s", name);
  *out += label + text + "\n";
}

std::string MetadataText(const arrow::KeyValueMetadata& metadata) {
  std::string text;
  for (int64_t i = 0; i < metadata.size(); ++i) {
    text += (i == 0 ? "" : ", ") + SafeForTerminal(metadata.key(i), 200) + "=" +
            SafeForTerminal(metadata.value(i), 200);
  }
  return text;
}

void AppendSchema(const arrow::Schema& schema, std::string* out) {
  int widest = 0;
  for (const auto& field : schema.fields()) {
    widest = std::max(widest, DisplayWidth(SafeForTerminal(field->name())));
  }
  AppendLine("columns", std::to_string(schema.num_fields()), out);
  for (const auto& field : schema.fields()) {
    const std::string name = SafeForTerminal(field->name());
    *out += "  " + name + std::string(static_cast<size_t>(widest - DisplayWidth(name)), ' ') +
            "  " + SafeForTerminal(field->type()->ToString());
    if (!field->nullable()) *out += " not null";
    if (field->HasMetadata()) *out += "  {" + MetadataText(*field->metadata()) + "}";
    *out += "\n";
  }
  if (schema.HasMetadata()) AppendLine("metadata", MetadataText(*schema.metadata()), out);
}

Value MetadataValue(const std::shared_ptr<const arrow::KeyValueMetadata>& metadata) {
  Value::Object object;
  if (metadata != nullptr) {
    for (int64_t i = 0; i < metadata->size(); ++i) object[metadata->key(i)] = metadata->value(i);
  }
  return object;
}

}  // namespace

std::string FormatTime(int64_t micros) {
  const auto seconds = static_cast<std::time_t>(micros / kMicros);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char buffer[40];
  std::strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%SZ", &parts);
  return buffer;
}

std::string FormatSeconds(double seconds) {
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.3f s", seconds);
  return buffer;
}

std::string SummaryAsText(const FlightSummary& summary, int64_t now_us) {
  std::string out;
  const ListedFlight& flight = summary.flight;
  if (!flight.path.empty()) {
    AppendLine("path", SafeForTerminal(flight.path), &out);
    AppendLine("rows", flight.rows < 0 ? "?" : GroupedNumber(flight.rows), &out);
    AppendLine("bytes",
               flight.bytes < 0
                   ? "?"
                   : GroupedNumber(flight.bytes) + " (" + HumanBytes(flight.bytes) + ")",
               &out);
    AppendLine("revision", std::to_string(summary.revision), &out);
    if (flight.created_us) {
      AppendLine("created",
                 FormatTime(*flight.created_us) + " (" +
                     HumanAge((now_us - *flight.created_us) / kMicros) + " ago)",
                 &out);
      AppendLine("expires", flight.expires_us ? FormatTime(*flight.expires_us) : "never", &out);
    }
    for (const std::string& endpoint : summary.endpoints) {
      AppendLine("endpoint", SafeForTerminal(endpoint), &out);
    }
  }
  AppendSchema(*summary.schema, &out);
  return out;
}

std::string SummaryAsJson(const FlightSummary& summary) {
  Value::Object object;
  const ListedFlight& flight = summary.flight;
  if (!flight.path.empty()) {
    object["path"] = flight.path;
    object["rows"] = flight.rows < 0 ? Value() : Value(flight.rows);
    object["bytes"] = flight.bytes < 0 ? Value() : Value(flight.bytes);
    object["revision"] = summary.revision;
    object["created"] = flight.created_us ? Value(FormatTime(*flight.created_us)) : Value();
    object["expires"] = flight.expires_us ? Value(FormatTime(*flight.expires_us)) : Value();
    Value::List endpoints;
    for (const std::string& endpoint : summary.endpoints) endpoints.emplace_back(endpoint);
    object["endpoints"] = std::move(endpoints);
  }
  Value::List columns;
  for (const auto& field : summary.schema->fields()) {
    columns.push_back(Value::Object{{"name", field->name()},
                                    {"type", field->type()->ToString()},
                                    {"nullable", field->nullable()},
                                    {"metadata", MetadataValue(field->metadata())}});
  }
  object["columns"] = std::move(columns);
  object["metadata"] = MetadataValue(summary.schema->metadata());
  return Value(std::move(object)).ToJson() + "\n";
}

}  // namespace longbow::client
