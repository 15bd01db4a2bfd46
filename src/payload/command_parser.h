/// \file
/// Reads commands, tickets' and messages' shared parts from their JSON form, whichever encoding
/// that form came from.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <arrow/result.h>

#include "payload/command.h"
#include "payload/object_reader.h"

namespace longbow {

/// Reads one tree of commands; for one thread.
class CommandParser {
 public:
  CommandParser(Encoding encoding, const CommandLimits& limits)
      : encoding_(encoding), limits_(limits) {}

  /// A command with all that is in it. Errors: BAD_ARGUMENT.
  arrow::Result<Command> ReadCommand(ObjectReader reader);

  /// Exactly one of the members `path` and `command`; the reader's other members are refused.
  arrow::Result<InputSource> ReadSource(ObjectReader reader);

 private:
  arrow::Status ReadPayload(ObjectReader reader, Command* command);
  arrow::Status ReadOwnFields(ObjectReader* reader, Command* command);
  arrow::Status ReadInputs(ObjectReader reader, Command* command);

  const Encoding encoding_;
  const CommandLimits limits_;
  int depth_ = 0;
  int inputs_ = 0;
};

/// `{"schema": ..., "fields": ...}`.
arrow::Result<ResultMetadata> ReadResultMetadata(ObjectReader reader);
/// The member `name`: `ERROR`, `REUSE` or `REPLACE`; `ERROR` where absent.
arrow::Result<IfExists> ReadIfExists(ObjectReader* reader, std::string_view name);
/// The member `name`: seconds to live, of at least one and at most a hundred years.
arrow::Result<std::optional<int64_t>> ReadTtl(ObjectReader* reader, std::string_view name);
/// The members `task` and `node`; others are refused.
arrow::Result<TaskReference> ReadTaskReference(ObjectReader reader);

/// Whether `name` could be a service's: lower-case letters, digits, `-` and `_`, at most 128.
bool IsServiceName(std::string_view name);

// The way back.

/// `{}` without changes.
Value::Object ResultMetadataValue(const ResultMetadata& metadata);
std::string_view IfExistsName(IfExists if_exists);
Value PathValue(const FlightPath& path);
Value TextsValue(const std::vector<std::string>& texts);
Value TaskReferenceValue(const TaskReference& task);

/// The JSON form of a command that `CommandParser` of the same encoding reads.
Value CommandValue(const Command& command, Encoding encoding);

}  // namespace longbow
