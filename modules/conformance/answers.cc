#include "answers.h"

#include <utility>

#include <arrow/array/builder_base.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

namespace longbow::conformance {
namespace {

class KeptStream : public ItemStream {
 public:
  KeptStream(std::shared_ptr<arrow::Schema> schema, std::vector<StreamItem> items)
      : schema_(std::move(schema)), items_(std::move(items)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Result<std::optional<StreamItem>> Next() override {
    if (next_ == items_.size()) return std::nullopt;
    return items_[next_++];
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<StreamItem> items_;
  size_t next_ = 0;
};

}  // namespace

bool IsCommand(const arrow::flight::FlightDescriptor& descriptor, std::string_view cmd) {
  return descriptor.type == arrow::flight::FlightDescriptor::CMD && descriptor.cmd == cmd;
}

std::shared_ptr<arrow::Schema> NumberSchema(const std::shared_ptr<arrow::DataType>& type) {
  return arrow::schema({arrow::field("number", type)});
}

arrow::flight::FlightEndpoint EndpointOf(std::string ticket) {
  return {arrow::flight::Ticket(std::move(ticket)), {}, std::nullopt, ""};
}

InfoResult MakeInfo(const std::shared_ptr<arrow::Schema>& schema,
                    const arrow::flight::FlightDescriptor& descriptor,
                    const std::vector<arrow::flight::FlightEndpoint>& endpoints) {
  ARROW_ASSIGN_OR_RAISE(auto info,
                        arrow::flight::FlightInfo::Make(schema, descriptor, endpoints,
                                                        /*total_records=*/-1, /*total_bytes=*/-1));
  return std::make_unique<arrow::flight::FlightInfo>(std::move(info));
}

arrow::Result<std::unique_ptr<ItemStream>> NumberStream(std::shared_ptr<arrow::Schema> schema,
                                                        const std::vector<int64_t>& numbers) {
  const auto& type = schema->field(0)->type();
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(type));
  for (int64_t number : numbers) {
    ARROW_ASSIGN_OR_RAISE(auto scalar, arrow::MakeScalar(type, number));
    ARROW_RETURN_NOT_OK(builder->AppendScalar(*scalar));
  }
  ARROW_ASSIGN_OR_RAISE(auto column, builder->Finish());
  auto batch = arrow::RecordBatch::Make(schema, column->length(), {column});
  return StreamOf(std::move(schema), {{std::move(batch), nullptr}});
}

std::unique_ptr<ItemStream> StreamOf(std::shared_ptr<arrow::Schema> schema,
                                     std::vector<StreamItem> items) {
  return std::make_unique<KeptStream>(std::move(schema), std::move(items));
}

arrow::flight::Timestamp SecondsFromNow(const Clock& clock, int seconds) {
  return std::chrono::time_point_cast<arrow::flight::Timestamp::duration>(clock.WallNow()) +
         std::chrono::seconds(seconds);
}

}  // namespace longbow::conformance
