// A module for the tests of traces and logs: its service `relay` has another node run a command, as
// part of the trace of the task that asks; its raw action `Fall` throws, which none may; and its
// raw exchange is an echo.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
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

/// Sends back what comes, and `push` more of it one after the other, with a pause before each.
class Echo : public longbow::ItemHandler {
 public:
  ~Echo() override {
    if (pusher_.joinable()) pusher_.join();
  }
  arrow::Status OnItem(longbow::StreamItem item, longbow::ItemWriter& writer) override {
    if (item.app_metadata != nullptr && item.app_metadata->ToString() == "push") {
      pusher_ = std::thread([&writer, item] {
        for (int i = 0; i < kPushed; ++i) {
          std::this_thread::sleep_for(kPause);
          if (!writer.Write(item).ok()) return;
        }
      });
      return arrow::Status::OK();
    }
    if (item.batch != nullptr && !begun_) {
      begun_ = true;
      ARROW_RETURN_NOT_OK(writer.Begin(item.batch->schema()));
    }
    return writer.Write(std::move(item));
  }
  arrow::Status OnEnd(longbow::ItemWriter& /*writer*/) override { return arrow::Status::OK(); }

 private:
  static constexpr int kPushed = 5;
  static constexpr std::chrono::milliseconds kPause{400};
  bool begun_ = false;
  std::thread pusher_;
};

class FallingMethods : public longbow::FlightMethods {
 public:
  arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> DoAction(
      longbow::CallContext& context, const arrow::flight::Action& action) override {
    if (action.type != "Fall") return NotHandled();
    context.logger().Info("about to fall");
    throw std::runtime_error("the relay has fallen");
  }

  arrow::Result<std::unique_ptr<longbow::ItemHandler>> DoExchange(
      longbow::CallContext& /*context*/, const longbow::StreamStart& /*start*/) override {
    return std::make_unique<Echo>();
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
