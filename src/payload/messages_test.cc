#include "payload/messages.h"

#include <chrono>
#include <string>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "longbow/v1/actions.pb.h"

namespace longbow {
namespace {

FlightPath Path(std::string_view text) { return FlightPath::Parse(text).ValueOrDie(); }
WallTime SomeTime() {
  return WallTime(std::chrono::seconds(1767225600)) + std::chrono::microseconds(1500);
}

/// The message after a way out and back, having checked that both ways out say the same.
template <typename T>
T RoundTrip(const T& message, Encoding encoding) {
  std::string bytes = SerializeMessage(message, encoding);
  Encoding found;
  arrow::Result<T> result = ParseMessage<T>(bytes, &found);
  EXPECT_TRUE(result.ok()) << result.status().ToString() << "\n" << bytes;
  // An empty message has no bytes in protobuf, and none are JSON.
  if (!bytes.empty()) {
    EXPECT_EQ(found, encoding);
  }
  EXPECT_EQ(SerializeMessage(*result, Encoding::kJson), SerializeMessage(message, Encoding::kJson));
  return *std::move(result);
}

template <typename T>
void ExpectRoundTrips(const T& message) {
  RoundTrip(message, Encoding::kJson);
  RoundTrip(message, Encoding::kProtobuf);
}

template <typename T>
std::string Refusal(std::string_view bytes) {
  arrow::Result<T> result = ParseMessage<T>(bytes);
  if (result.ok()) return "(accepted)";
  EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
  return result.status().message();
}

TEST(Messages, OfFlightInfoRoundTrip) {
  FlightInfoMetadata metadata;
  ExpectRoundTrips(metadata);
  metadata.task = "t1";
  metadata.node = "n1";
  ExpectRoundTrips(metadata);
  metadata.path = Path("a/b");
  metadata.revision = 7;
  metadata.reused = true;
  metadata.reused_since = SomeTime();
  metadata.created = SomeTime();
  metadata.reused_node = "n2";
  ExpectRoundTrips(metadata);
  EXPECT_EQ(SerializeMessage(metadata, Encoding::kJson),
            R"({"created":"2026-01-01T00:00:00.001500Z","node":"n1","path":["a","b"],)"
            R"("reused":{"node":"n2","path":["a","b"],"revision":7,)"
            R"("since":"2026-01-01T00:00:00.001500Z"},"revision":7,"task":"t1"})");
  EXPECT_EQ(*RoundTrip(metadata, Encoding::kProtobuf).reused_since, SomeTime());
}

TEST(Messages, OfPutsRoundTrip) {
  PutOptions options;
  ExpectRoundTrips(options);
  options.ttl_sec = 900;
  options.if_exists = IfExists::kReplace;
  options.metadata.schema["owner"] = "finance";
  options.metadata.schema["old"] = std::nullopt;
  options.metadata.fields["amount"]["unit"] = "EUR";
  ExpectRoundTrips(options);
  PutOptions again = RoundTrip(options, Encoding::kProtobuf);
  EXPECT_EQ(again.metadata.schema, options.metadata.schema);
  EXPECT_EQ(again.metadata.fields, options.metadata.fields);
  EXPECT_EQ(again.if_exists, IfExists::kReplace);

  PutReceipt receipt;
  receipt.path = Path("a");
  receipt.rows = int64_t{1} << 60;
  receipt.state = "STORED";
  ExpectRoundTrips(receipt);
  EXPECT_EQ(SerializeMessage(receipt, Encoding::kJson),
            R"({"bytes":0,"path":["a"],"reused":false,"revision":0,"rows":1152921504606846976,)"
            R"("state":"STORED"})");
}

TEST(Messages, PutOptionsNameWhatIsWrong) {
  EXPECT_EQ(Refusal<PutOptions>(R"({"ifExists":"MAYBE"})"),
            "ifExists must be ERROR, REUSE or REPLACE");
  EXPECT_EQ(Refusal<PutOptions>(R"({"ttl":5})"),
            "ttl is unknown; known are ttlSec, ifExists, metadata");
  EXPECT_EQ(Refusal<PutOptions>(R"({"ttlSec":true})"),
            "ttlSec must be an integer, but is a boolean");
  EXPECT_EQ(Refusal<PutOptions>(R"({"metadata":{"schema":[]}})"),
            "metadata.schema must be an object, but is a list");
  EXPECT_EQ(Refusal<PutOptions>("\xFF\xFF"),
            "These bytes are neither a JSON object nor a longbow.v1.PutOptions");
  EXPECT_EQ(Refusal<PutOptions>(std::string(9 << 20, 'x')).find("The message PutOptions has"), 0u);
}

TEST(Messages, OfStoredFlightsRoundTrip) {
  StoredFlightInfo info{Path("a/b"), 3, nullptr, 10, 80, SomeTime(), {}};
  ExpectRoundTrips(info);
  info.schema = arrow::schema({arrow::field("x", arrow::int64(), false),
                               arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8()))},
                              arrow::key_value_metadata({{"owner", "finance"}}));
  info.expires = SomeTime();
  ExpectRoundTrips(info);
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    EXPECT_TRUE(RoundTrip(info, encoding).schema->Equals(*info.schema, /*check_metadata=*/true));
  }
  std::string json = SerializeMessage(info, Encoding::kJson);
  EXPECT_NE(json.find(R"({"name":"x","nullable":false,"type":"int64"})"), std::string::npos)
      << json;
}

TEST(Messages, CriteriaRoundTripAndNameWhatIsWrong) {
  ListCriteria criteria;
  ExpectRoundTrips(criteria);
  EXPECT_TRUE(ParseMessage<ListCriteria>("").ok());
  criteria.prefix = {"a", "b"};
  criteria.limit = 0;
  ExpectRoundTrips(criteria);
  EXPECT_EQ(RoundTrip(criteria, Encoding::kProtobuf).limit, 0);
  EXPECT_EQ(Refusal<ListCriteria>(R"({"limit":-1})").find("limit is -1"), 0u);
  EXPECT_EQ(Refusal<ListCriteria>(R"({"prefix":"a"})"),
            "prefix must be a list of strings, but is a string");
  EXPECT_EQ(Refusal<ListCriteria>(R"({"prefix":["a"],"service":"s"})").find("prefix is of stored"),
            0u);
}

TEST(Messages, OfActionsRoundTrip) {
  ExpectRoundTrips(HealthCheckRequest());
  ExpectRoundTrips(HealthCheckAnswer{"SERVING", "n1", "0.1.0", {"disk is full"}});
  ExpectRoundTrips(GetLocationsRequest{Path("a/b")});
  auto command = std::make_shared<Command>();
  command->service = "sql";
  command->fields = {{"query", "SELECT 1"}};
  command->inputs.emplace("t", Path("a"));
  ExpectRoundTrips(GetLocationsRequest{std::shared_ptr<const Command>(command)});
  ExpectRoundTrips(LocationsAnswer{{{"n1", {"grpc://a:1", "grpc://b:1"}}, {"n2", {}}}});
  ExpectRoundTrips(ListNodesRequest());
  ExpectRoundTrips(
      ListNodesAnswer{{{"n1", {"grpc://a:1"}, "0.1.0", "SERVING", SomeTime(), {"sql"}}}});
  ExpectRoundTrips(ListServicesRequest());
  ServiceDescription description{"sql", "1", "SQL over inputs.", {}, true};
  description.fields = {{"query", PayloadField::Type::kString, true, "The query."},
                        {"parameters", PayloadField::Type::kListOrObject, false, ""}};
  ExpectRoundTrips(ListServicesAnswer{{{description, {"n1"}}}});
  ExpectRoundTrips(DescribeFlightRequest{Path("a"), 5});
  ExpectRoundTrips(DeleteFlightsRequest{{Path("a/b"), Path("c")}, {}});
  ExpectRoundTrips(DeleteFlightsRequest{{}, {"tmp"}});
  ExpectRoundTrips(DeleteFlightsAnswer{2, 9});
  ExpectRoundTrips(CancelTaskRequest{{"t1", "n1"}});
  ExpectRoundTrips(CancelTaskAnswer{"CANCELLED"});
  ExpectRoundTrips(ListTasksRequest{"sql", 5});
  ExpectRoundTrips(ListTasksAnswer{{{"t1", "n1", "sql", "DONE", 0.25, SomeTime(), 5, 40, "etl",
                                     "nobody reads its result yet"}}});
}

TEST(Messages, ActionsNameWhatIsWrong) {
  EXPECT_EQ(Refusal<HealthCheckRequest>(R"({"x":1})"), "x is unknown: nothing is expected here");
  EXPECT_EQ(Refusal<DescribeFlightRequest>(""), "path is missing: name the flight");
  EXPECT_EQ(Refusal<DescribeFlightRequest>(R"({"pth":["a"]})"),
            "pth is unknown; did you mean path?");
  EXPECT_EQ(Refusal<DeleteFlightsRequest>("").find("Say what to delete"), 0u);
  EXPECT_EQ(Refusal<DeleteFlightsRequest>(R"({"prefix":[]})").find("Say what to delete"), 0u);
  EXPECT_EQ(Refusal<DeleteFlightsRequest>(R"({"paths":[["a"],["b",""]]})").find("paths[1]: Part 2"),
            0u);
  EXPECT_EQ(Refusal<DeleteFlightsRequest>(R"({"paths":["a"]})").find("paths[0] must be a list"),
            0u);
  EXPECT_EQ(Refusal<CancelTaskRequest>("{}").find("task is missing"), 0u);
  EXPECT_EQ(Refusal<CancelTaskRequest>(R"({"taks":"t"})"), "taks is unknown; did you mean task?");
  EXPECT_EQ(Refusal<GetLocationsRequest>("{}"), "The message must have either path or command");
  EXPECT_EQ(Refusal<GetLocationsRequest>(R"({"command":{"service":"s","payload":{"sink":5}}})"),
            "command.payload.sink must be an object, but is an integer");
  EXPECT_EQ(Refusal<ListTasksRequest>(R"({"limit":"many"})"),
            "limit must be an integer, but is a string");
  v1::Task unknown;
  unknown.set_rows(1);
  EXPECT_EQ(Refusal<HealthCheckRequest>(unknown.SerializeAsString()),
            "The message HealthCheckRequest has the field 7, which this version does not know");
  // A time that is out of range, in an answer that a client reads.
  v1::ListTasksAnswer answer;
  answer.add_tasks()->mutable_created()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(Refusal<ListTasksAnswer>(answer.SerializeAsString()),
            "A time in the message is out of range");
}

arrow::flight::FlightInfo SomeFlightInfo() {
  arrow::flight::FlightInfo::Data data;
  data.descriptor = arrow::flight::FlightDescriptor::Command("{\"service\":\"s\"}");
  data.total_records = -1;
  data.total_bytes = -1;
  data.app_metadata = "{\"task\":\"t\"}";
  return arrow::flight::FlightInfo(std::move(data));
}

TEST(Messages, ThePollBodyCanBeReadAsBothKindsOfMessage) {
  PollBody body;
  ExpectRoundTrips(body);
  body.flight_info = SomeFlightInfo().SerializeToString().ValueOrDie();
  body.retry_descriptor =
      arrow::flight::FlightDescriptor::Command("r").SerializeToString().ValueOrDie();
  body.cancel_descriptor =
      arrow::flight::FlightDescriptor::Command("c").SerializeToString().ValueOrDie();
  ExpectRoundTrips(body);
  EXPECT_EQ(RoundTrip(body, Encoding::kJson).flight_info, body.flight_info);

  std::string sent = std::string("\x08\x02", 2) + body.flight_info;
  auto info = arrow::flight::FlightInfo::Deserialize(sent).ValueOrDie();
  EXPECT_EQ(info->descriptor(), SomeFlightInfo().descriptor());
  EXPECT_EQ(info->app_metadata(), SomeFlightInfo().app_metadata());
  EXPECT_TRUE(arrow::flight::FlightDescriptor::Deserialize(sent).ok());
}

}  // namespace
}  // namespace longbow
