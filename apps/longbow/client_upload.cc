#include "client_upload.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include <arrow/flight/client.h>
#include <arrow/util/byte_size.h>

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

arrow::Status SendAll(arrow::RecordBatchReader* reader, const UploadOptions& options,
                      arrow::flight::FlightStreamWriter* writer, Progress* progress) {
  // Flight's client sends the schema by itself, so the options follow it.
  const Value put_options = PutOptionsValue(options);
  if (!put_options.as_object().empty()) {
    ARROW_RETURN_NOT_OK(writer->WriteMetadata(arrow::Buffer::FromString(put_options.ToJson())));
  }
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return writer->DoneWriting();
    ARROW_RETURN_NOT_OK(WriteBatch(batch, writer, progress));
  }
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
  const auto descriptor = arrow::flight::FlightDescriptor::Path(options.path.parts());
  ARROW_ASSIGN_OR_RAISE(auto put, connection->flight().DoPut(connection->CallOptions(), descriptor,
                                                             reader->schema()));
  const arrow::Status sent = SendAll(reader, options, put.writer.get(), progress);
  const bool server_ended = !sent.ok() && sent.IsIOError();
  if (!sent.ok() && !server_ended) {
    // What was read is broken, so nothing of it may be stored. Destroying the writer would end the
    // call well; left alone, it breaks off with the process, which is about to end.
    arrow::flight::FlightStreamWriter* left_alone = put.writer.release();
    (void)left_alone;
    return sent;
  }
  // A write fails when the server has ended the call, with an error or because it needs no more.
  const std::optional<Receipt> receipt = ReadReceipt(put.reader.get());
  ARROW_RETURN_NOT_OK(put.writer->Close());
  if (receipt) return *receipt;
  ARROW_RETURN_NOT_OK(sent);
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
