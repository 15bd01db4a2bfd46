#include "listing.h"

#include <utility>

#include <arrow/api.h>

#include "display_text.h"

namespace longbow::client {
namespace {

constexpr int64_t kMicros = 1'000'000;

arrow::Status AppendCount(int64_t value, arrow::Int64Builder* out) {
  return value < 0 ? out->AppendNull() : out->Append(value);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ForPeople(
    const std::vector<ListedFlight>& flights, int64_t now_us) {
  arrow::StringBuilder paths;
  arrow::Int64Builder rows;
  arrow::StringBuilder sizes;
  arrow::StringBuilder ages;
  arrow::StringBuilder expiries;
  for (const ListedFlight& flight : flights) {
    ARROW_RETURN_NOT_OK(paths.Append(flight.path));
    ARROW_RETURN_NOT_OK(AppendCount(flight.rows, &rows));
    ARROW_RETURN_NOT_OK(sizes.Append(flight.bytes < 0 ? "-" : HumanBytes(flight.bytes)));
    ARROW_RETURN_NOT_OK(
        ages.Append(flight.created_us ? HumanAge((now_us - *flight.created_us) / kMicros) : "-"));
    ARROW_RETURN_NOT_OK(expiries.Append(
        flight.expires_us   ? "in " + HumanAge((*flight.expires_us - now_us) / kMicros)
        : flight.created_us ? "never"
                            : "-"));
  }
  std::vector<std::shared_ptr<arrow::Array>> columns(5);
  ARROW_RETURN_NOT_OK(paths.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(rows.Finish(&columns[1]));
  ARROW_RETURN_NOT_OK(sizes.Finish(&columns[2]));
  ARROW_RETURN_NOT_OK(ages.Finish(&columns[3]));
  ARROW_RETURN_NOT_OK(expiries.Finish(&columns[4]));
  auto schema =
      arrow::schema({arrow::field("path", arrow::utf8()), arrow::field("rows", arrow::int64()),
                     arrow::field("bytes", arrow::utf8()), arrow::field("age", arrow::utf8()),
                     arrow::field("expires", arrow::utf8())});
  return arrow::RecordBatch::Make(std::move(schema), static_cast<int64_t>(flights.size()),
                                  std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ForPrograms(
    const std::vector<ListedFlight>& flights) {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  arrow::StringBuilder paths;
  arrow::Int64Builder rows;
  arrow::Int64Builder sizes;
  arrow::TimestampBuilder created(time, arrow::default_memory_pool());
  arrow::TimestampBuilder expires(time, arrow::default_memory_pool());
  for (const ListedFlight& flight : flights) {
    ARROW_RETURN_NOT_OK(paths.Append(flight.path));
    ARROW_RETURN_NOT_OK(AppendCount(flight.rows, &rows));
    ARROW_RETURN_NOT_OK(AppendCount(flight.bytes, &sizes));
    ARROW_RETURN_NOT_OK(created.AppendOrNull(flight.created_us));
    ARROW_RETURN_NOT_OK(expires.AppendOrNull(flight.expires_us));
  }
  std::vector<std::shared_ptr<arrow::Array>> columns(5);
  ARROW_RETURN_NOT_OK(paths.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(rows.Finish(&columns[1]));
  ARROW_RETURN_NOT_OK(sizes.Finish(&columns[2]));
  ARROW_RETURN_NOT_OK(created.Finish(&columns[3]));
  ARROW_RETURN_NOT_OK(expires.Finish(&columns[4]));
  auto schema =
      arrow::schema({arrow::field("path", arrow::utf8()), arrow::field("rows", arrow::int64()),
                     arrow::field("bytes", arrow::int64()), arrow::field("created", time),
                     arrow::field("expires", time)});
  return arrow::RecordBatch::Make(std::move(schema), static_cast<int64_t>(flights.size()),
                                  std::move(columns));
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> FlightsBatch(
    const std::vector<ListedFlight>& flights, Format format, int64_t now_us) {
  return format == Format::kTable ? ForPeople(flights, now_us) : ForPrograms(flights);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> NamesBatch(const std::string& name_column,
                                                              const std::string& text_column,
                                                              const std::vector<NamedText>& rows) {
  arrow::StringBuilder names;
  arrow::StringBuilder texts;
  for (const NamedText& row : rows) {
    ARROW_RETURN_NOT_OK(names.Append(row.name));
    ARROW_RETURN_NOT_OK(texts.Append(row.text));
  }
  std::vector<std::shared_ptr<arrow::Array>> columns(2);
  ARROW_RETURN_NOT_OK(names.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(texts.Finish(&columns[1]));
  auto schema = arrow::schema(
      {arrow::field(name_column, arrow::utf8()), arrow::field(text_column, arrow::utf8())});
  return arrow::RecordBatch::Make(std::move(schema), static_cast<int64_t>(rows.size()),
                                  std::move(columns));
}

}  // namespace longbow::client
