// A module for the end-to-end tests: its service `stubborn` takes exactly as long as it is told, to
// answer a command or to take a batch of a put, and heeds being cancelled only where it is told to.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <unistd.h>

#include <arrow/api.h>

#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using longbow::PayloadField;

constexpr std::chrono::milliseconds kLookInterval{5};

/// How long a command takes, and when.
struct Order {
  std::string until_file;    ///< until there is a file; empty: it does not matter
  double seconds = 0;        ///< and for so long
  bool in_stream = false;    ///< between its two batches, in place of before its schema is known
  bool heeds_cancel = true;  ///< false: a cancel changes nothing
  double progress = 0;       ///< what it says meanwhile
};

Order ReadOrder(const longbow::Value::Object& fields) {
  Order order;
  for (const auto& [name, value] : fields) {
    if (name == "untilFile") order.until_file = value.as_string();
    if (name == "seconds") order.seconds = value.as_double();
    if (name == "inStream") order.in_stream = value.as_bool();
    if (name == "heedsCancel") order.heeds_cancel = value.as_bool();
    if (name == "progress") order.progress = value.as_double();
  }
  return order;
}

/// \param task null: there is none
arrow::Status Obey(const Order& order, const longbow::TaskContext* task) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(order.seconds);
  while (std::chrono::steady_clock::now() < until ||
         (!order.until_file.empty() && access(order.until_file.c_str(), F_OK) != 0)) {
    if (order.heeds_cancel && task != nullptr && task->cancelled()) return task->CancelledError();
    std::this_thread::sleep_for(kLookInterval);
  }
  return arrow::Status::OK();
}

/// Two batches of one row each: 1, and 2.
class TwoBatches : public arrow::RecordBatchReader {
 public:
  TwoBatches(Order order, longbow::TaskContext* task) : order_(std::move(order)), task_(task) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (given_ == 2) return arrow::Status::OK();
    if (given_ == 1 && order_.in_stream) ARROW_RETURN_NOT_OK(Obey(order_, task_));
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Append(++given_));
    ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
    *batch = arrow::RecordBatch::Make(schema_, 1, {std::move(column)});
    return arrow::Status::OK();
  }

 private:
  const Order order_;
  longbow::TaskContext* const task_;
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("n", arrow::int64())});
  int64_t given_ = 0;
};

/// Takes as long for each batch as it is told, and keeps none.
class SlowPut : public longbow::FlightPut {
 public:
  explicit SlowPut(Order order) : order_(std::move(order)) {}
  arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) override {
    rows_ += batch->num_rows();
    return Obey(order_, /*task=*/nullptr);
  }
  arrow::Result<longbow::StoredFlightInfo> Commit() override {
    ARROW_ASSIGN_OR_RAISE(auto path, longbow::FlightPath::Make({"stubborn"}));
    longbow::StoredFlightInfo info{
        .path = std::move(path), .schema = nullptr, .rows = rows_, .created = {}, .expires = {}};
    return info;
  }

 private:
  const Order order_;
  int64_t rows_ = 0;
};

class StubbornService : public longbow::Service {
 public:
  StubbornService() {
    description_.name = "stubborn";
    description_.version = "1";
    description_.summary = "Takes as long as it is told.";
    description_.takes_inputs = false;
    description_.fields = {
        {.name = "untilFile", .type = PayloadField::Type::kString, .summary = "A path."},
        {.name = "seconds", .type = PayloadField::Type::kNumber, .summary = "At least."},
        {.name = "inStream", .type = PayloadField::Type::kBool, .summary = "When."},
        {.name = "heedsCancel", .type = PayloadField::Type::kBool, .summary = "Else it goes on."},
        {.name = "progress", .type = PayloadField::Type::kNumber, .summary = "From 0 to 1."}};
  }
  const longbow::ServiceDescription& description() const override { return description_; }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const longbow::ExecuteRequest& request) override {
    Order order = ReadOrder(request.fields);
    request.task.SetProgress(order.progress);
    if (!order.in_stream) ARROW_RETURN_NOT_OK(Obey(order, &request.task));
    return std::make_unique<TwoBatches>(std::move(order), &request.task);
  }
  arrow::Result<std::unique_ptr<longbow::FlightPut>> BeginPut(
      const longbow::Value::Object& fields, const std::shared_ptr<arrow::Schema>& schema) override {
    return std::make_unique<SlowPut>(ReadOrder(fields));
  }

 private:
  longbow::ServiceDescription description_;
};

class StubbornModule : public longbow::Module {
 public:
  arrow::Status Register(const longbow::ModuleContext& context,
                         longbow::Registrar& registrar) override {
    return registrar.AddService(std::make_shared<StubbornService>());
  }
};

}  // namespace

LONGBOW_MODULE(StubbornModule, "stubborn", "1.0")
