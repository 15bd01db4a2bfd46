/// \file
/// The shapes that the scenarios' answers have.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/flight/types.h>
#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/flight_methods.h>

namespace longbow::conformance {

using InfoResult = arrow::Result<std::unique_ptr<arrow::flight::FlightInfo>>;
using ActionResults = arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>>;

/// Whether `descriptor` is the command `cmd`.
bool IsCommand(const arrow::flight::FlightDescriptor& descriptor, std::string_view cmd);

/// A schema with the one field `number`.
std::shared_ptr<arrow::Schema> NumberSchema(const std::shared_ptr<arrow::DataType>& type);

/// An endpoint without a location: the client asks the server that it has asked before.
arrow::flight::FlightEndpoint EndpointOf(std::string ticket);

/// An info of unknown size.
InfoResult MakeInfo(const std::shared_ptr<arrow::Schema>& schema,
                    const arrow::flight::FlightDescriptor& descriptor,
                    const std::vector<arrow::flight::FlightEndpoint>& endpoints);

/// The one batch of an integer column of `schema`.
arrow::Result<std::unique_ptr<ItemStream>> NumberStream(std::shared_ptr<arrow::Schema> schema,
                                                        const std::vector<int64_t>& numbers);

/// A stream of items that are there already.
std::unique_ptr<ItemStream> StreamOf(std::shared_ptr<arrow::Schema> schema,
                                     std::vector<StreamItem> items);

/// A message of Flight as the only result of an action.
template <typename Message>
ActionResults OneResult(const Message& message) {
  ARROW_ASSIGN_OR_RAISE(std::string bytes, message.SerializeToString());
  return std::vector<std::shared_ptr<arrow::Buffer>>{arrow::Buffer::FromString(std::move(bytes))};
}

/// The body of an action; empty where it has none.
inline std::string BodyOf(const arrow::flight::Action& action) {
  return action.body == nullptr ? std::string() : action.body->ToString();
}

/// The wall clock's time, `seconds` from now.
arrow::flight::Timestamp SecondsFromNow(const Clock& clock, int seconds);

}  // namespace longbow::conformance
