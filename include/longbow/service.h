/// \file
/// The high-level way to write a module: given a payload and inputs, a schema and a stream of
/// batches. Envelope, inputs, sink, metadata, tasks, polling, back pressure and errors are the
/// server's work.
///
/// Code of a service is plain and blocking. It runs on the node's worker threads, several calls at
/// a time, so a service guards what its calls share. No exception may leave it; the server turns
/// one that does into INTERNAL_ERROR.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/call_context.h>
#include <longbow/flight_store.h>
#include <longbow/log.h>
#include <longbow/principal.h>
#include <longbow/value.h>

namespace longbow {

/// A field that a service takes in its payload, beside the template's `inputs`, `sink` and
/// `resultMetadata`. The server refuses a payload with an undeclared field, a wrong type or a
/// missing field before the service sees it.
struct PayloadField {
  enum class Type { kAny, kBool, kInt, kNumber, kString, kList, kObject, kListOrObject };
  std::string name;  ///< camelCase, as in JSON
  Type type = Type::kAny;
  bool required = false;
  std::string summary;  ///< a sentence, shown by ListServices
};

/// What a service says of itself.
struct ServiceDescription {
  std::string name;     ///< `sql`, `connector`; lower case letters, digits, `-` and `_`
  std::string version;  ///< the module author's own
  std::string summary;  ///< a sentence
  std::vector<PayloadField> fields;
  bool takes_inputs = true;  ///< false: a payload with `inputs` is refused (a producer)
  /// Whether rows or schema depend on `TaskContext::principal()`. Where it is false, callers with
  /// the same command share a result that is cached, or made at the moment: one gets the rows of
  /// another. Where it is true, each name of a principal has results of its own, also of commands
  /// that have one of this service within them. A name whose identities have changed meanwhile gets
  /// what was cached before.
  bool depends_on_principal = false;
};

/// The named inputs of a command: stored flights, results of other commands, or what a client
/// sends. Thread-safe. Valid until the reader that `Service::Execute` returned is destroyed.
class Inputs {
 public:
  virtual ~Inputs() = default;

  /// In the order of the names.
  virtual std::vector<std::string> names() const = 0;

  /// The schema of an input; blocks until it is known, which for a command may take its whole run.
  /// Errors: NOT_FOUND for a name or a path that is not there, the input's own error.
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string& name) = 0;

  /// The exact number of rows where it is known without reading, else nothing.
  virtual std::optional<int64_t> RowCount(const std::string& name) = 0;

  /// Whether `Open` may be called again for the same rows. Of one that is not, a second `Open`
  /// fails with COMMAND_RESULT_CONSUMED.
  virtual bool replayable(const std::string& name) = 0;

  /// Opens an input. A source on this node is read without a copy. The reader is for one thread at
  /// a time; reading blocks while the input is being made, and fails once the task is cancelled.
  ///
  /// \param columns the columns wanted, in the order wanted; nothing: all. An empty list gives
  ///   batches that have only a number of rows.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(
      const std::string& name, std::optional<std::vector<std::string>> columns = {}) = 0;
};

/// The task that runs a command. Thread-safe; valid as long as `Inputs`.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  /// In log lines and in what clients see.
  virtual const std::string& task_id() const = 0;
  /// Whether nobody wants the result any more. Long loops ask, and return `CancelledError()`.
  virtual bool cancelled() const = 0;
  /// Runs `callback` once, on the thread that cancels, or at once if that has happened: for waking
  /// up what blocks. It must not block. Replaces an earlier callback; an empty one removes it, and
  /// returns only when a running one has ended.
  virtual void SetCancelCallback(std::function<void()> callback) = 0;
  /// From 0 to 1, for those who poll.
  virtual void SetProgress(double fraction) = 0;
  /// Who sent the command that this one is, or is a part of.
  virtual const Principal& principal() const = 0;
  /// W3C's `traceparent` of the task's span, to be sent with calls that it makes; empty where there
  /// is no trace.
  virtual std::string traceparent() const = 0;
  /// Puts task, request id and trace id into each line.
  virtual Logger& logger() const = 0;
  /// COMMAND_CANCELLED.
  arrow::Status CancelledError() const;
};

/// What `Service::Execute` is given. All of it outlives the reader that `Execute` returns.
struct ExecuteRequest {
  /// The service's own fields, checked against its description.
  const Value::Object& fields;
  Inputs& inputs;
  TaskContext& task;
  /// If set, only these columns of the result will be looked at: a service that can make them more
  /// cheaply may leave the others out. The server selects them in any case.
  std::optional<std::vector<std::string>> columns = {};
};

/// Answers commands of one name.
class Service {
 public:
  virtual ~Service() = default;

  /// Constant for the service's life.
  virtual const ServiceDescription& description() const = 0;

  /// Starts the command, and returns as soon as the schema is known. Data is pulled from the reader
  /// only when somebody can take it, one thread at a time but not always the same thread; the
  /// reader's destructor frees what it holds, at any point of the stream. May block.
  /// Errors: any; those without a code become COMMAND_FAILED.
  virtual arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) = 0;

  /// The schema that `Execute` would give, without running the command; null (the default) where
  /// the service cannot tell. May block.
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ExecuteRequest& request);

  /// Takes data that a client puts with a command of this service. NOT_IMPLEMENTED by default.
  virtual arrow::Result<std::unique_ptr<FlightPut>> BeginPut(
      const Value::Object& fields, const std::shared_ptr<arrow::Schema>& schema);

  /// A flight that can be got by a command of this service, for ListFlights.
  struct Listing {
    Value::Object fields;                   ///< the payload that gets it
    std::shared_ptr<arrow::Schema> schema;  ///< null where unknown
    int64_t rows = -1;                      ///< -1 where unknown
    int64_t bytes = -1;                     ///< -1 where unknown
  };
  /// At most `limit` flights. Nothing by default. May block.
  virtual arrow::Result<std::vector<Listing>> List(int64_t limit);
};

}  // namespace longbow
