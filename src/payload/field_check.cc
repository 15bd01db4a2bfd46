#include "payload/field_check.h"

#include <string>
#include <vector>

#include <longbow/error.h>

#include "base/nearest.h"
#include "base/utf8.h"

namespace longbow {
namespace {

bool Fits(PayloadField::Type type, const Value& value) {
  switch (type) {
    case PayloadField::Type::kAny:
      return true;
    case PayloadField::Type::kBool:
      return value.is_bool();
    case PayloadField::Type::kInt:
      return value.is_int();
    case PayloadField::Type::kNumber:
      return value.is_number();
    case PayloadField::Type::kString:
      return value.is_string();
    case PayloadField::Type::kList:
      return value.is_list();
    case PayloadField::Type::kObject:
      return value.is_object();
    case PayloadField::Type::kListOrObject:
      return value.is_list() || value.is_object();
  }
  return false;
}

std::string WithArticle(std::string_view type) {
  bool vowel = type.find_first_of("aeio") == 0;
  return (vowel ? "an " : "a ") + std::string(type);
}

const PayloadField* FindField(const ServiceDescription& description, std::string_view name) {
  for (const PayloadField& field : description.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

arrow::Status UnknownField(const ServiceDescription& description, std::string_view name) {
  std::vector<std::string> names;
  for (const PayloadField& field : description.fields) names.push_back(field.name);
  std::vector<std::string> nearby = names;
  // A misspelt field of the template looks like one of the service's own.
  for (const char* of_template : {"inputs", "sink", "resultMetadata"}) {
    nearby.push_back(of_template);
  }
  std::string message = "payload." + std::string(CutToCharacters(name, 64)) +
                        " is unknown to the service '" + description.name + "'";
  std::string nearest = NearestName(name, nearby);
  if (!nearest.empty()) {
    message += "; did you mean payload." + nearest + "?";
  } else if (!names.empty()) {
    message += "; it takes ";
    for (const std::string& each : names) message += (each == names[0] ? "" : ", ") + each;
  } else {
    message += ", which takes none";
  }
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

}  // namespace

std::string_view FieldTypeName(PayloadField::Type type) {
  switch (type) {
    case PayloadField::Type::kAny:
      return "any";
    case PayloadField::Type::kBool:
      return "boolean";
    case PayloadField::Type::kInt:
      return "integer";
    case PayloadField::Type::kNumber:
      return "number";
    case PayloadField::Type::kString:
      return "string";
    case PayloadField::Type::kList:
      return "list";
    case PayloadField::Type::kObject:
      return "object";
    case PayloadField::Type::kListOrObject:
      return "list or object";
  }
  return "any";
}

arrow::Status CheckFields(const ServiceDescription& description, const Command& command) {
  for (const auto& [name, value] : command.fields) {
    const PayloadField* field = FindField(description, name);
    if (field == nullptr) return UnknownField(description, name);
    if (!Fits(field->type, value)) {
      return MakeError(ErrorCode::kBadArgument,
                       "payload." + name + " must be " + WithArticle(FieldTypeName(field->type)) +
                           ", but is " + WithArticle(value.type_name()),
                       field->summary);
    }
  }
  for (const PayloadField& field : description.fields) {
    if (field.required && command.fields.count(field.name) == 0) {
      return MakeError(
          ErrorCode::kBadArgument,
          "payload." + field.name + " is missing: the service '" + description.name + "' needs it",
          field.summary);
    }
  }
  if (!description.takes_inputs && !command.inputs.empty()) {
    return MakeError(ErrorCode::kBadArgument, "payload.inputs is not taken by the service '" +
                                                  description.name + "': leave it out");
  }
  return arrow::Status::OK();
}

}  // namespace longbow
