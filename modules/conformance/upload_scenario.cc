#include <map>
#include <mutex>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <longbow/error.h>

#include "answers.h"
#include "scenarios.h"

namespace longbow::conformance {
namespace {

using arrow::flight::FlightDescriptor;
using arrow::flight::Location;
using arrow::flight::Ticket;

struct Upload {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
};

/// What was put, by the first part of its path; the ticket is the same text.
class Uploads {
 public:
  void Keep(const std::string& key, Upload upload) {
    std::lock_guard lock(mutex_);
    uploads_[key] = std::make_shared<const Upload>(std::move(upload));
  }

  std::shared_ptr<const Upload> Find(const std::string& key) const {
    std::lock_guard lock(mutex_);
    const auto found = uploads_.find(key);
    return found == uploads_.end() ? nullptr : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Upload>> uploads_;
};

/// Sends each batch's metadata back, and keeps all when all is there.
class UploadHandler : public ItemHandler {
 public:
  UploadHandler(std::shared_ptr<Uploads> uploads, std::string key,
                std::shared_ptr<arrow::Schema> schema)
      : uploads_(std::move(uploads)), key_(std::move(key)), upload_{std::move(schema), {}} {}

  arrow::Status OnItem(StreamItem item, ItemWriter& writer) override {
    if (item.batch) upload_.batches.push_back(std::move(item.batch));
    if (!item.app_metadata) return arrow::Status::OK();
    return writer.Write({nullptr, std::move(item.app_metadata)});
  }

  arrow::Status OnEnd(ItemWriter&) override {
    uploads_->Keep(key_, std::move(upload_));
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<Uploads> uploads_;
  std::string key_;
  Upload upload_;
};

class UploadScenario : public FlightMethods {
 public:
  arrow::Result<std::unique_ptr<ItemHandler>> DoPut(CallContext&,
                                                    const StreamStart& start) override {
    if (start.descriptor.type != FlightDescriptor::PATH) return NotHandled();
    if (start.descriptor.path.empty() || !start.schema) {
      return MakeError(ErrorCode::kBadArgument, "a put needs a path and a schema");
    }
    return std::make_unique<UploadHandler>(uploads_, start.descriptor.path[0], start.schema);
  }

  InfoResult GetFlightInfo(CallContext&, const FlightDescriptor& descriptor) override {
    if (descriptor.type != FlightDescriptor::PATH || descriptor.path.empty()) return NotHandled();
    const auto upload = uploads_->Find(descriptor.path[0]);
    if (!upload) {
      return MakeError(ErrorCode::kNotFound, "nothing was put at '" + descriptor.path[0] + "'");
    }
    int64_t rows = 0;
    for (const auto& batch : upload->batches) rows += batch->num_rows();
    auto endpoint = EndpointOf(descriptor.path[0]);
    endpoint.locations.push_back(Location::ReuseConnection());
    ARROW_ASSIGN_OR_RAISE(auto info, arrow::flight::FlightInfo::Make(upload->schema, descriptor,
                                                                     {std::move(endpoint)}, rows,
                                                                     /*total_bytes=*/-1));
    return std::make_unique<arrow::flight::FlightInfo>(std::move(info));
  }

  arrow::Result<std::unique_ptr<ItemStream>> DoGet(CallContext&, const Ticket& ticket) override {
    const auto upload = uploads_->Find(ticket.ticket);
    if (!upload) return NotHandled();
    std::vector<StreamItem> items;
    for (const auto& batch : upload->batches) {
      items.push_back({batch, arrow::Buffer::FromString(std::to_string(items.size()))});
    }
    return StreamOf(upload->schema, std::move(items));
  }

 private:
  std::shared_ptr<Uploads> uploads_ = std::make_shared<Uploads>();
};

}  // namespace

std::shared_ptr<FlightMethods> MakeUploadScenario() { return std::make_shared<UploadScenario>(); }

}  // namespace longbow::conformance
