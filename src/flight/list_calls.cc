// ListFlights: stored flights below a prefix, and what services list.

#include <algorithm>
#include <utility>
#include <vector>

#include <arrow/flight/types.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/flight_info.h"
#include "flight/raw_calls.h"
#include "flight/stream_sender.h"
#include "payload/messages.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightDescriptor;
using arrow::flight::FlightInfo;
using transport::Frame;

/// Of a ListFlights without a limit of its own.
constexpr int64_t kMostFlights = 100'000;
constexpr std::string_view kStorageService = "storage";

arrow::Status AddFrame(const FlightInfo& info, std::vector<Frame>* frames) {
  ARROW_ASSIGN_OR_RAISE(auto bytes, info.SerializeToString());
  frames->push_back(Frame::FromString(std::move(bytes)));
  return arrow::Status::OK();
}

arrow::Status AddStored(const OpenCall& open, const ListCriteria& criteria, Encoding encoding,
                        int64_t limit, std::vector<Frame>* frames) {
  const NodeContext& node = *open.node;
  auto store = node.parts.registry->store();
  if (!store) return arrow::Status::OK();
  if (!open.caller.permissions->MayReadAnythingBelow(criteria.prefix)) return arrow::Status::OK();
  // What the caller may not read does not count towards the limit either.
  const bool sees_all = open.caller.permissions->allows_all();
  for (const auto& stored : store->List(criteria.prefix, sees_all ? limit : kMostFlights)) {
    if (static_cast<int64_t>(frames->size()) >= limit) break;
    if (!sees_all && !open.caller.permissions->MayRead(stored.path.parts())) continue;
    auto descriptor = FlightDescriptor::Path(stored.path.parts());
    ARROW_ASSIGN_OR_RAISE(auto info, StoredInfo(node, {descriptor, encoding}, stored, "", false));
    ARROW_RETURN_NOT_OK(AddFrame(info, frames));
  }
  return arrow::Status::OK();
}

/// A service's flights have no endpoint: they are made when they are asked for.
arrow::Status AddListed(Service& service, Encoding encoding, int64_t limit,
                        std::vector<Frame>* frames) {
  ARROW_ASSIGN_OR_RAISE(auto listings, service.List(limit));
  for (auto& listing : listings) {
    Command command;
    command.service = service.description().name;
    command.fields = std::move(listing.fields);
    FlightInfo::Data data;
    data.descriptor = FlightDescriptor::Command(SerializeCommand(command, encoding));
    if (listing.schema) {
      ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::ipc::SerializeSchema(*listing.schema));
      data.schema = bytes->ToString();
    }
    data.total_records = listing.rows;
    data.total_bytes = listing.bytes;
    ARROW_RETURN_NOT_OK(AddFrame(FlightInfo(std::move(data)), frames));
  }
  return arrow::Status::OK();
}

arrow::Result<std::vector<Frame>> List(const OpenCall& open, const ListCriteria& criteria,
                                       Encoding encoding) {
  const int64_t limit = std::min(criteria.limit.value_or(kMostFlights), kMostFlights);
  const ServiceDirectory& registry = *open.node->parts.registry;
  const bool about_store = criteria.service == kStorageService;
  if (!criteria.service.empty() && !about_store) {
    ARROW_RETURN_NOT_OK(open.caller.CheckRun(criteria.service));
  }
  if (!criteria.service.empty() && !registry.FindService(criteria.service)) {
    return MakeError(ErrorCode::kUnsupportedService,
                     "there is no service '" + criteria.service + "' on this node",
                     "ListServices tells which there are.");
  }
  std::vector<Frame> frames;
  if (criteria.service.empty() || criteria.service == kStorageService) {
    ARROW_RETURN_NOT_OK(AddStored(open, criteria, encoding, limit, &frames));
  }
  // Flights by command have no path, so that a prefix leaves them out.
  if (!criteria.prefix.empty()) return frames;
  for (const auto& service : registry.services()) {
    const auto left = limit - static_cast<int64_t>(frames.size());
    if (left <= 0) break;
    const std::string& name = service->description().name;
    if (!criteria.service.empty() && name != criteria.service) continue;
    if (!open.caller.CheckRun(name).ok()) continue;
    ARROW_RETURN_NOT_OK(AddListed(*service, encoding, left, &frames));
  }
  return frames;
}

/// What the modules' raw methods list comes behind Longbow's own.
arrow::Status AddRaw(const OpenCallPtr& open, const std::string& expression,
                     std::vector<Frame>* frames) {
  if (!open->caller.CheckRawMethods().ok()) return arrow::Status::OK();
  for (const auto& methods : open->node->parts.registry->methods()) {
    auto infos = methods->ListFlights(*open->call, expression);
    if (FlightMethods::IsNotHandled(infos.status())) continue;
    ARROW_RETURN_NOT_OK(infos.status());
    for (const auto& info : *infos) ARROW_RETURN_NOT_OK(AddFrame(info, frames));
  }
  return arrow::Status::OK();
}

}  // namespace

void ServeListFlights(OpenCallPtr open, const std::string& request) {
  auto raw = arrow::flight::Criteria::Deserialize(request);
  if (!raw.ok()) {
    return open->Finish(MakeError(ErrorCode::kBadArgument, "the request is no Criteria message"));
  }
  AfterSync(open, [open, expression = std::move(raw->expression)] {
    RunOnPool(open, [open, expression]() -> arrow::Status {
      Encoding encoding = Encoding::kJson;
      const bool has_methods = !open->node->parts.registry->methods().empty();
      std::vector<Frame> frames;
      auto criteria = ParseMessage<ListCriteria>(expression, &encoding);
      if (criteria.ok()) {
        ARROW_ASSIGN_OR_RAISE(frames, List(*open, *criteria, encoding));
      } else if (!has_methods) {
        return criteria.status();
      }
      ARROW_RETURN_NOT_OK(AddRaw(open, expression, &frames));
      SendFrames(open, std::move(frames));
      return arrow::Status::OK();
    });
  });
}

}  // namespace longbow::flight
