// Two services: `sample` makes rows, `top` gives the first rows of its input by the order of a
// column.
//
//   {"service": "top", "payload": {"column": "value", "rows": 3, "inputs": {
//     "input": {"command": {"service": "sample", "payload": {"rows": 1000, "seed": 7}}}}}}
#include <algorithm>
#include <random>

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using Key = arrow::compute::SortKey;
using longbow::ErrorCode, longbow::MakeError, longbow::PayloadField;
using Reader = std::unique_ptr<arrow::RecordBatchReader>;

constexpr int64_t kRowsPerBatch = 65536;

// Makes a batch whenever somebody can take one, so that any number of rows costs little memory.
class SampleReader : public arrow::RecordBatchReader {
 public:
  SampleReader(int64_t rows, int64_t seed) : rows_(rows), random_(seed) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    const int64_t end = std::min(rows_, next_ + kRowsPerBatch);
    *batch = nullptr;
    if (next_ == end) return arrow::Status::OK();
    arrow::Int64Builder ids;
    arrow::DoubleBuilder values;
    for (; next_ < end; ++next_) {
      ARROW_RETURN_NOT_OK(ids.Append(next_));
      ARROW_RETURN_NOT_OK(values.Append(static_cast<double>(random_()) / random_.max()));
    }
    ARROW_ASSIGN_OR_RAISE(auto id, ids.Finish());
    ARROW_ASSIGN_OR_RAISE(auto value, values.Finish());
    *batch = arrow::RecordBatch::Make(schema_, id->length(), {id, value});
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_ =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("value", arrow::float64())});
  int64_t rows_, next_ = 0;
  std::mt19937_64 random_;
};

arrow::Result<Reader> MakeSample(const longbow::ExecuteRequest& request) {
  const int64_t rows = request.fields.at("rows").as_int();
  const auto seed = request.fields.find("seed");
  if (rows < 0) return MakeError(ErrorCode::kBadArgument, "'rows' is less than 0");
  const bool seeded = seed != request.fields.end();
  return std::make_unique<SampleReader>(rows, seeded ? seed->second.as_int() : 0);
}

arrow::Result<Reader> TakeTop(const longbow::ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto input, request.inputs.Open("input"));
  const std::string& column = request.fields.at("column").as_string();
  if (input->schema()->GetFieldByName(column) == nullptr) {
    return MakeError(ErrorCode::kBadArgument, "the input has no column '" + column + "'");
  }
  ARROW_ASSIGN_OR_RAISE(auto table, input->ToTable());
  arrow::compute::SelectKOptions options(request.fields.at("rows").as_int(),
                                         {Key(column, arrow::compute::SortOrder::Descending)});
  ARROW_ASSIGN_OR_RAISE(auto places, arrow::compute::SelectKUnstable(table, options));
  ARROW_ASSIGN_OR_RAISE(auto top, arrow::compute::Take(table, places));
  return std::make_unique<arrow::TableBatchReader>(top.table());
}

const PayloadField kRows{"rows", PayloadField::Type::kInt, true, "How many rows to give."};
const PayloadField kSeed{"seed", PayloadField::Type::kInt, false, "Other seeds, other values."};
const PayloadField kColumn{"column", PayloadField::Type::kString, true, "What to order by."};

struct SampleService : longbow::Service {
  const longbow::ServiceDescription& description() const override { return description_; }
  arrow::Result<Reader> Execute(const longbow::ExecuteRequest& r) override { return MakeSample(r); }
  longbow::ServiceDescription description_{"sample", "1.0", "Makes rows.", {kRows, kSeed}, false};
};

struct TopService : longbow::Service {
  const longbow::ServiceDescription& description() const override { return description_; }
  arrow::Result<Reader> Execute(const longbow::ExecuteRequest& r) override { return TakeTop(r); }
  longbow::ServiceDescription description_{"top", "1.0", "The largest.", {kRows, kColumn}};
};

class SampleModule : public longbow::Module {
  arrow::Status Register(const longbow::ModuleContext&, longbow::Registrar& registrar) override {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    ARROW_RETURN_NOT_OK(registrar.AddService(std::make_shared<SampleService>()));
    return registrar.AddService(std::make_shared<TopService>());
  }
};

}  // namespace

LONGBOW_MODULE(SampleModule, "sample", "1.0")
