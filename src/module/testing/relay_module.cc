// A module for the tests of traces and logs: its service `relay` has another node run a command, as
// part of the trace of the task that asks; and its raw action `Fall` throws, which none may.
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <arrow/flight/client.h>
#include <arrow/record_batch.h>

#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using arrow::flight::FlightClient;

/// The other node's result, with the connection that it comes through.
class RelayedReader : public arrow::RecordBatchReader {
 public:
  RelayedReader(std::unique_ptr<FlightClient> client,
                std::unique_ptr<arrow::flight::FlightStreamReader> stream,
                std::shared_ptr<arrow::Schema> schema)
      : client_(std::move(client)), stream_(std::move(stream)), schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_ASSIGN_OR_RAISE(auto chunk, stream_->Next());
    *batch = std::move(chunk.data);
    return arrow::Status::OK();
  }

 private:
  std::unique_ptr<FlightClient> client_;
  std::unique_ptr<arrow::flight::FlightStreamReader> stream_;
  std::shared_ptr<arrow::Schema> schema_;
};

class RelayService : public longbow::Service {
 public:
  RelayService() {
    using Field = longbow::PayloadField;
    description_ = {.name = "relay",
                    .version = "1",
                    .summary = "Has another node run a command.",
                    .fields = {{"uri", Field::Type::kString, true, "The node."},
                               {"command", Field::Type::kString, true, "The command, as JSON."}},
                    .takes_inputs = false};
  }
  const longbow::ServiceDescription& description() const override { return description_; }

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const longbow::ExecuteRequest& request) override {
    request.task.logger().Info("relaying a command");
    ARROW_ASSIGN_OR_RAISE(auto location,
                          arrow::flight::Location::Parse(request.fields.at("uri").as_string()));
    ARROW_ASSIGN_OR_RAISE(auto client, FlightClient::Connect(location));
    arrow::flight::FlightCallOptions options;
    options.headers = {{"traceparent", request.task.traceparent()}};
    const auto descriptor =
        arrow::flight::FlightDescriptor::Command(request.fields.at("command").as_string());
    ARROW_ASSIGN_OR_RAISE(auto info, client->GetFlightInfo(options, descriptor));
    ARROW_ASSIGN_OR_RAISE(auto stream, client->DoGet(options, info->endpoints()[0].ticket));
    ARROW_ASSIGN_OR_RAISE(auto schema, stream->GetSchema());
    return std::make_unique<RelayedReader>(std::move(client), std::move(stream), std::move(schema));
  }

 private:
  longbow::ServiceDescription description_;
};

class FallingMethods : public longbow::FlightMethods {
 public:
  arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> DoAction(
      longbow::CallContext& context, const arrow::flight::Action& action) override {
    if (action.type != "Fall") return NotHandled();
    context.logger().Info("about to fall");
    throw std::runtime_error("the relay has fallen");
  }
};

class RelayModule : public longbow::Module {
 public:
  arrow::Status Register(const longbow::ModuleContext& /*context*/,
                         longbow::Registrar& registrar) override {
    ARROW_RETURN_NOT_OK(registrar.AddFlightMethods(std::make_shared<FallingMethods>()));
    return registrar.AddService(std::make_shared<RelayService>());
  }
};

}  // namespace

LONGBOW_MODULE(RelayModule, "relay", "1")
