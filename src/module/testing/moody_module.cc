// A module for the end-to-end tests: its service `mood` reports the health that a command tells it
// to, with a reason.
#include <memory>
#include <string>
#include <utility>

#include <arrow/api.h>

#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using longbow::HealthStatus;
using longbow::PayloadField;

arrow::Result<HealthStatus> ParseStatus(const std::string& text) {
  if (text == "ok") return HealthStatus::kOk;
  if (text == "degraded") return HealthStatus::kDegraded;
  if (text == "down") return HealthStatus::kDown;
  return longbow::MakeError(longbow::ErrorCode::kBadArgument,
                            "The mood '" + text + "' is none of ok, degraded, down");
}

class MoodService : public longbow::Service {
 public:
  explicit MoodService(longbow::HealthReporter* health) : health_(health) {
    description_.name = "mood";
    description_.version = "1";
    description_.summary = "Says that its module is as it is told to be.";
    description_.takes_inputs = false;
    description_.fields = {{.name = "status",
                            .type = PayloadField::Type::kString,
                            .required = true,
                            .summary = "ok, degraded or down."},
                           {.name = "reason",
                            .type = PayloadField::Type::kString,
                            .summary = "What operators are told."}};
  }
  const longbow::ServiceDescription& description() const override { return description_; }
  /// One row: the status.
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const longbow::ExecuteRequest& request) override {
    const std::string& text = request.fields.at("status").as_string();
    ARROW_ASSIGN_OR_RAISE(const HealthStatus status, ParseStatus(text));
    const auto reason = request.fields.find("reason");
    health_->Report(status, reason == request.fields.end() ? "" : reason->second.as_string());
    arrow::StringBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Append(text));
    ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
    auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("status", arrow::utf8())}), 1,
                                          {std::move(column)});
    auto table = arrow::Table::FromRecordBatches({std::move(batch)});
    ARROW_RETURN_NOT_OK(table);
    return std::make_unique<arrow::TableBatchReader>(*std::move(table));
  }

 private:
  longbow::ServiceDescription description_;
  longbow::HealthReporter* const health_;
};

class MoodyModule : public longbow::Module {
 public:
  arrow::Status Register(const longbow::ModuleContext& context,
                         longbow::Registrar& registrar) override {
    return registrar.AddService(std::make_shared<MoodService>(&context.health));
  }
};

}  // namespace

LONGBOW_MODULE(MoodyModule, "moody", "1.0")
