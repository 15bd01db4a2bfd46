/// \file
/// Commands: the bytes of a command descriptor as typed values, and back.
///
/// All functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <arrow/result.h>

#include <longbow/flight_path.h>
#include <longbow/flight_store.h>
#include <longbow/value.h>

namespace longbow {

/// How a message was written; answers use the encoding of the question.
enum class Encoding { kJson, kProtobuf };

/// Bounds on what is parsed.
struct CommandLimits {
  int64_t max_bytes = int64_t{8} << 20;
  int max_depth = 32;     ///< of commands within commands
  int max_inputs = 1024;  ///< of a command and those within it, in all
};

struct Command;

/// Where an input comes from.
using InputSource = std::variant<FlightPath, std::shared_ptr<const Command>>;

/// Where a result goes. Without a path and without `cache`, it stays with its task.
struct Sink {
  std::optional<FlightPath> path;
  bool cache = false;  ///< The path is derived from the command.
  IfExists if_exists = IfExists::kError;
  std::optional<int64_t> ttl_sec;
  bool repeatable = false;
};

/// Changes of key-value metadata: a text sets, nothing removes.
using MetadataChanges = std::map<std::string, std::optional<std::string>>;
struct ResultMetadata {
  MetadataChanges schema;
  std::map<std::string, MetadataChanges> fields;
  bool empty() const { return schema.empty() && fields.empty(); }
};

/// How a flight is made.
struct Command {
  std::string service;
  std::string node;      ///< empty: any
  Value::Object fields;  ///< The payload's own fields, without the template's.
  std::map<std::string, InputSource> inputs;
  Sink sink;
  ResultMetadata result_metadata;
  Encoding encoding = Encoding::kJson;
};

/// A task by name: in descriptors that continue or cancel a wait, and in actions.
struct TaskReference {
  std::string task;
  std::string node;  ///< empty: the node that is asked
};
struct RetryRequest {
  TaskReference task;
  Encoding encoding = Encoding::kJson;
};
struct CancelRequest {
  TaskReference task;
  Encoding encoding = Encoding::kJson;
};

/// What a command descriptor may be. `RawCommand`: bytes that are not Longbow's at all, for modules
/// that answer raw calls.
struct RawCommand {};
using CommandDescriptor = std::variant<Command, RetryRequest, CancelRequest, RawCommand>;

/// Parses the bytes of a command descriptor. Bytes that begin with `{` are JSON, else protobuf.
/// Bytes that are neither a JSON object nor a clean `Command` message (with a service, a retry or a
/// cancel, and no unknown fields) are a `RawCommand`.
/// Errors: BAD_ARGUMENT, naming the field (`payload.inputs.sales.path`); too large or too deep.
arrow::Result<CommandDescriptor> ParseCommandDescriptor(std::string_view bytes,
                                                        const CommandLimits& limits = {});

/// Bytes of a descriptor that continues, or cancels, the wait for a task.
std::string SerializeRetry(const TaskReference& task, Encoding encoding);
std::string SerializeCancel(const TaskReference& task, Encoding encoding);

/// Bytes that `ParseCommandDescriptor` turns into an equal command.
std::string SerializeCommand(const Command& command, Encoding encoding);

/// One text for all ways to write the command: keys in order, defaults left out, encoding and node
/// ignored. Without the sink, if `with_sink` is false.
std::string CanonicalText(const Command& command, bool with_sink);

/// The path that `cache: true` stands for: `cache/result/<SHA-256 of the canonical text>`.
FlightPath CachePath(const Command& command);

}  // namespace longbow
