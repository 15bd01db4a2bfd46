/// \file
/// Flight actions with JSON bodies, and what is read out of JSON answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/value.h>

#include "client_connection.h"

namespace longbow::client {

/// How long an action may take: what the user allows, or two seconds when tidying up.
enum class ActionPatience { kCommand, kLastCall };

/// The bodies of all answers. Blocks.
arrow::Result<std::vector<std::string>> RunAction(
    Connection* connection, const std::string& name, const std::string& body,
    ActionPatience patience = ActionPatience::kCommand);

/// The one JSON answer. Blocks. Errors: the server's; `Invalid` for an answer that is no JSON.
arrow::Result<Value> AskJson(Connection* connection, const std::string& name, const Value& body);

/// The field `key`, or 0 where there is none. The JSON of protobuf writes 64-bit integers as
/// strings.
int64_t IntegerField(const Value& value, std::string_view key);
bool BoolField(const Value& value, std::string_view key);
std::string StringField(const Value& value, std::string_view key);
/// Microseconds since 1970 of an RFC 3339 text (in UTC, `2026-01-31T12:00:00.5Z`); nothing where
/// there is none.
std::optional<int64_t> TimeField(const Value& value, std::string_view key);

std::string UpperCase(std::string text);

}  // namespace longbow::client
