#include "client_upload.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include <arrow/flight/client.h>
#include <arrow/util/byte_size.h>

#include <longbow/error.h>

#include "client_actions.h"
#include "client_failure.h"
#include "data_file.h"

namespace longbow::client {
namespace {

// A message of a put is not much larger; servers limit them.
constexpr int64_t kMessageBytes = 4 << 20;
constexpr int64_t kTemporaryTtlSec = 3600;

Value PutOptionsValue(const UploadOptions& options) {
  Value::Object value;
  if (!options.if_exists.empty()) value["ifExists"] = UpperCase(options.if_exists);
  if (options.ttl_sec) value["ttlSec"] = *options.ttl_sec;
  return value;
}

// Splits what is too large for a message.
arrow::Status WriteBatch(const std::shared_ptr<arrow::RecordBatch>& batch,
                         arrow::flight::FlightStreamWriter* writer, Progress* progress) {
  const int64_t rows = batch->num_rows();
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*batch));
  const int64_t pieces = std::max<int64_t>(1, (bytes + kMessageBytes - 1) / kMessageBytes);
  const int64_t step = std::max<int64_t>(1, (rows + pieces - 1) / pieces);
  for (int64_t row = 0; row == 0 || row < rows; row += step) {
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch->Slice(row, step)));
  }
  progress->Add(rows, bytes);
  return arrow::Status::OK();
}

// Which side a put failed on: what was to be sent could not be read, or the server takes no more.
struct Sent {
  arrow::Status read;
  arrow::Status write;
};

Sent SendAll(arrow::RecordBatchReader* reader, const UploadOptions& options,
             arrow::flight::FlightStreamWriter* writer, Progress* progress) {
  Sent sent;
  // Flight's client sends the schema by itself, so the options follow it.
  const Value put_options = PutOptionsValue(options);
  if (!put_options.as_object().empty()) {
    sent.write = writer->WriteMetadata(arrow::Buffer::FromString(put_options.ToJson()));
  }
  while (sent.write.ok()) {
    std::shared_ptr<arrow::RecordBatch> batch;
    sent.read = reader->ReadNext(&batch);
    if (!sent.read.ok()) break;
    sent.write = batch == nullptr ? writer->DoneWriting() : WriteBatch(batch, writer, progress);
    if (batch == nullptr) break;
  }
  return sent;
}

// The server's last word; earlier messages tell how far it is (ACCEPTED, RECEIVED).
std::optional<Receipt> ReadReceipt(arrow::flight::FlightMetadataReader* reader) {
  std::optional<Receipt> receipt;
  std::shared_ptr<arrow::Buffer> message;
  while (reader->ReadMetadata(&message).ok() && message != nullptr) {
    auto value = Value::FromJson(std::string_view(*message));
    if (!value.ok() || StringField(*value, "state") != "STORED") continue;
    receipt = Receipt{IntegerField(*value, "rows"), IntegerField(*value, "bytes"),
                      IntegerField(*value, "revision"), BoolField(*value, "reused")};
  }
  return receipt;
}

// What is stored under the path; nothing where there is nothing.
arrow::Result<std::optional<Receipt>> FindStored(Connection* connection, const FlightPath& path) {
  const auto descriptor = arrow::flight::FlightDescriptor::Path(path.parts());
  auto info = connection->flight().GetFlightInfo(connection->CallOptions(), descriptor);
  if (!info.ok()) {
    const arrow::Status status = FromFlightClient(info.status());
    if (ErrorCodeOf(status) == ErrorCode::kNotFound) return std::nullopt;
    return info.status();
  }
  Receipt receipt{(*info)->total_records(), (*info)->total_bytes(), 0, /*reused=*/true};
  if (auto metadata = Value::FromJson((*info)->app_metadata()); metadata.ok()) {
    receipt.revision = IntegerField(*metadata, "revision");
  }
  return receipt;
}

bool IsFromServer(const arrow::Status& status) {
  return arrow::flight::FlightStatusDetail::UnwrapStatus(status) != nullptr;
}

std::string RandomName() {
  std::random_device device;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (int i = 0; i < 16; ++i) name.push_back(kDigits[device() & 15]);
  return name;
}

}  // namespace

arrow::Result<Receipt> Upload(Connection* connection, arrow::RecordBatchReader* reader,
                              const UploadOptions& options, Progress* progress) {
  if (options.if_exists == "reuse") {
    // Nothing need be sent then; and of a put that the server ends early, Arrow's client loses the
    // answer.
    ARROW_ASSIGN_OR_RAISE(auto stored, FindStored(connection, options.path));
    if (stored) return *stored;
  }
  const auto descriptor = arrow::flight::FlightDescriptor::Path(options.path.parts());
  ARROW_ASSIGN_OR_RAISE(auto put, connection->flight().DoPut(connection->CallOptions(), descriptor,
                                                             reader->schema()));
  const Sent sent = SendAll(reader, options, put.writer.get(), progress);
  if (!sent.read.ok()) {
    // Nothing of what is broken may be stored. Destroying the writer would end the call well; left
    // alone, it breaks off with the process, which is about to end.
    arrow::flight::FlightStreamWriter* left_alone = put.writer.release();
    (void)left_alone;
    return sent.read;
  }
  // A write fails when the server has ended the call. Which of the two then tells why depends on
  // when.
  const std::optional<Receipt> receipt = ReadReceipt(put.reader.get());
  const arrow::Status closed = put.writer->Close();
  if (receipt && closed.ok()) return *receipt;
  for (const arrow::Status& status : {closed, sent.write}) {
    if (IsFromServer(status)) return status;
  }
  ARROW_RETURN_NOT_OK(sent.write);
  ARROW_RETURN_NOT_OK(closed);
  return Receipt{};
}

TemporaryFlights::TemporaryFlights(Connection* connection, InterruptGuard* interrupts,
                                   Progress* progress)
    : connection_(connection), progress_(progress), folder_(RandomName()) {
  if (interrupts != nullptr) {
    cleanup_ = interrupts->OnInterrupt([this] { Delete(); });
  }
}

TemporaryFlights::~TemporaryFlights() {
  cleanup_.Release();
  Delete();
}

void TemporaryFlights::Delete() {
  if (!used_) return;
  const Value prefix = Value::Object{{"prefix", Value::List{"tmp", folder_}}};
  // The time to live takes what is left.
  auto ignored =
      RunAction(connection_, "DeleteFlights", prefix.ToJson(), ActionPatience::kLastCall);
  (void)ignored;
}

arrow::Status TemporaryFlights::UploadFiles(std::vector<InputArgument>* inputs) {
  for (InputArgument& input : *inputs) {
    const auto* file = std::get_if<LocalFile>(&input.source);
    if (file == nullptr) continue;
    auto path = FlightPath::Make({"tmp", folder_, input.name});
    if (!path.ok()) {
      return UsageError("--input " + input.name +
                        ": the name cannot be part of a path; take "
                        "another one for a file");
    }
    progress_->SetVerb("sending " + file->path);
    ARROW_ASSIGN_OR_RAISE(auto reader, OpenDataFile(file->path));
    used_ = true;
    ARROW_RETURN_NOT_OK(
        Upload(connection_, reader.get(), {*path, "", kTemporaryTtlSec}, progress_).status());
    input.source = std::move(*path);
  }
  return arrow::Status::OK();
}

}  // namespace longbow::client
