/// \file
/// Whether a payload has the fields that its service declares.
#pragma once

#include <arrow/status.h>

#include <longbow/service.h>

#include "payload/command.h"

namespace longbow {

/// Checks the service's own fields, and whether inputs are taken. Pure and thread-safe.
/// Errors: BAD_ARGUMENT, naming the field (`payload.quer`) and what to do: the nearest known name,
/// the type wanted, the missing field.
arrow::Status CheckFields(const ServiceDescription& description, const Command& command);

/// `list or object`: how messages and ListServices name a type.
std::string_view FieldTypeName(PayloadField::Type type);

}  // namespace longbow
