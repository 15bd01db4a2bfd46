#include "payload/command.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "longbow/v1/command.pb.h"

namespace longbow {
namespace {

Command MustParse(std::string_view bytes) {
  arrow::Result<CommandDescriptor> result = ParseCommandDescriptor(bytes);
  EXPECT_TRUE(result.ok()) << result.status().ToString() << "\n" << bytes;
  return std::get<Command>(result.ValueOrDie());
}

std::string Canonical(std::string_view bytes) { return CanonicalText(MustParse(bytes), true); }

/// The message of the error that `bytes` give.
std::string Refusal(std::string_view bytes) {
  arrow::Result<CommandDescriptor> result = ParseCommandDescriptor(bytes);
  if (result.ok()) return "(accepted)";
  EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
  return result.status().message();
}

bool IsRaw(std::string_view bytes) {
  arrow::Result<CommandDescriptor> result = ParseCommandDescriptor(bytes);
  return result.ok() && std::holds_alternative<RawCommand>(*result);
}

constexpr char kProtocolExample[] = R"({"service": "sql",
 "payload": {
   "query": "SELECT region, sum(amount) AS amount FROM sales JOIN fx USING (currency) GROUP BY region",
   "inputs": {
     "sales": {"path": ["raw", "sales"]},
     "fx":    {"command": {"service": "connector",
                           "payload": {"source": "pg", "query": "SELECT * FROM fx_rates"}}}},
   "sink": {"path": ["reports", "by_region"], "ifExists": "REUSE", "ttlSec": 900},
   "resultMetadata": {"schema": {"owner": "finance", "old": null},
                      "fields": {"amount": {"unit": "EUR"}}}}})";

TEST(Command, ReadsTheExampleOfTheProtocol) {
  Command command = MustParse(kProtocolExample);
  EXPECT_EQ(command.service, "sql");
  EXPECT_EQ(command.encoding, Encoding::kJson);
  ASSERT_EQ(command.fields.size(), 1u);
  EXPECT_EQ(command.fields.at("query").as_string().substr(0, 13), "SELECT region");
  ASSERT_EQ(command.inputs.size(), 2u);
  EXPECT_EQ(std::get<FlightPath>(command.inputs.at("sales")).ToString(), "raw/sales");
  const auto& fx = std::get<std::shared_ptr<const Command>>(command.inputs.at("fx"));
  EXPECT_EQ(fx->service, "connector");
  EXPECT_EQ(fx->fields.at("source").as_string(), "pg");
  EXPECT_EQ(command.sink.path->ToString(), "reports/by_region");
  EXPECT_EQ(command.sink.if_exists, IfExists::kReuse);
  EXPECT_EQ(command.sink.ttl_sec, 900);
  EXPECT_EQ(command.result_metadata.schema.at("owner"), "finance");
  EXPECT_EQ(command.result_metadata.schema.at("old"), std::nullopt);
  EXPECT_EQ(command.result_metadata.fields.at("amount").at("unit"), "EUR");
}

TEST(Command, ReadsTheSameFromProtobuf) {
  v1::Command message;
  message.set_service("sql");
  auto* payload = message.mutable_payload();
  (*payload->mutable_fields()->mutable_fields())["query"].set_string_value("SELECT 1");
  (*payload->mutable_fields()->mutable_fields())["limit"].set_number_value(7);
  (*payload->mutable_fields()->mutable_fields())["share"].set_number_value(0.5);
  (*payload->mutable_inputs())["t"].add_path("a");
  (*payload->mutable_inputs())["u"].mutable_command()->set_service("connector");
  payload->mutable_sink()->add_path("x");
  payload->mutable_sink()->set_if_exists(v1::IfExists::REPLACE);
  payload->mutable_sink()->set_ttl_sec(5);
  auto* metadata = payload->mutable_result_metadata();
  (*metadata->mutable_schema()->mutable_fields())["gone"].set_null_value(
      google::protobuf::NULL_VALUE);
  (*(*metadata->mutable_fields())["f"].mutable_fields())["unit"].set_string_value("m");

  Command command = MustParse(message.SerializeAsString());
  EXPECT_EQ(command.encoding, Encoding::kProtobuf);
  EXPECT_TRUE(command.fields.at("limit").is_int());
  EXPECT_EQ(CanonicalText(command, true), Canonical(R"({"service":"sql","payload":{
      "query":"SELECT 1","limit":7,"share":0.5,
      "inputs":{"t":{"path":["a"]},"u":{"command":{"service":"connector"}}},
      "sink":{"path":["x"],"ifExists":"REPLACE","ttlSec":5},
      "resultMetadata":{"schema":{"gone":null},"fields":{"f":{"unit":"m"}}}}})"));
}

TEST(Command, TakesNumbersExactlyFromFieldsJson) {
  v1::Command message;
  message.set_service("sql");
  message.mutable_payload()->set_fields_json(R"({"a": 9007199254740993, "b": 5.0})");
  Command command = MustParse(message.SerializeAsString());
  EXPECT_EQ(command.fields.at("a").as_int(), 9007199254740993);
  EXPECT_TRUE(command.fields.at("b").is_double());

  (*message.mutable_payload()->mutable_fields()->mutable_fields())["c"].set_bool_value(true);
  EXPECT_EQ(Refusal(message.SerializeAsString()),
            "payload.fieldsJson stands beside payload.fields: give one of the two");
  message.mutable_payload()->clear_fields();
  message.mutable_payload()->set_fields_json("[1]");
  EXPECT_NE(Refusal(message.SerializeAsString()).find("payload.fieldsJson must be an object"),
            std::string::npos);
  message.mutable_payload()->set_fields_json("{");
  EXPECT_NE(Refusal(message.SerializeAsString()).find("payload.fieldsJson: The JSON text"),
            std::string::npos);
}

TEST(Command, RoundTripsInBothEncodings) {
  for (std::string_view text : {
           std::string_view(kProtocolExample),
           std::string_view(R"({"service":"s"})"),
           std::string_view(R"({"service":"s","node":"n1","payload":{}})"),
           std::string_view(R"({"service":"a-b_9","payload":{"x":[1,2.5,"t",null,{"y":[]}]}})"),
           std::string_view(R"({"service":"s","payload":{"i":9007199254740993,"d":5.0}})"),
           std::string_view(R"({"service":"s","payload":{"sink":{"cache":true,"ttlSec":1}}})"),
           std::string_view(R"({"service":"s","payload":{"sink":{"repeatable":true}}})"),
           std::string_view("{\"service\":\"s\",\"payload\":{\"\xC3\xA4\":\"\\u0000\\n\"}}"),
       }) {
    Command command = MustParse(text);
    for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
      Command again = MustParse(SerializeCommand(command, encoding));
      EXPECT_EQ(again.encoding, encoding);
      EXPECT_EQ(again.node, command.node);
      EXPECT_EQ(again.fields, command.fields);
      EXPECT_EQ(CanonicalText(again, true), CanonicalText(command, true));
    }
  }
}

TEST(Command, TakesNamesAndTypesAsTheProto3JsonMappingDoes) {
  EXPECT_EQ(Canonical(R"({"service":"s","payload":{"sink":{"path":["a"],"if_exists":"REUSE",
                          "ttl_sec":"60"},"result_metadata":{"schema":{"k":"v"}}}})"),
            Canonical(R"({"service":"s","payload":{"sink":{"path":["a"],"ifExists":"REUSE",
                          "ttlSec":60.0},"resultMetadata":{"schema":{"k":"v"}}}})"));
  EXPECT_EQ(
      Canonical(R"({"service":"s","node":null,"payload":{"sink":null,"inputs":null,"x":null}})"),
      R"({"service":"s"})");
}

TEST(Command, NamesWhatIsWrongInJson) {
  const std::map<std::string, std::string> kCases = {
      {"{", "The command: The JSON text is not valid"},
      {R"({"service":"s"} x)", "The command: The JSON text is not valid"},
      {R"({"service":"s","service":"t"})", "has the key 'service' twice"},
      {"{}", "service is missing"},
      {R"({"service":null})", "service is missing"},
      {R"({"service":5})", "service must be a string, but is an integer"},
      {R"({"service":"SQL"})", "service must be lower-case"},
      {R"({"servce":"sql"})", "servce is unknown; did you mean service?"},
      {R"({"service":"s","foo":1})", "foo is unknown; known are service, node, payload"},
      {R"({"service":"s","payload":[]})", "payload must be an object, but is a list"},
      {R"({"service":"s","node":"a\nb"})", "node contains a control character"},
      {R"({"service":"s","payload":{"inputs":[]}})", "payload.inputs must be an object"},
      {R"({"service":"s","payload":{"inputs":{"t":"x"}}})",
       "payload.inputs.t must be an object, but is a string"},
      {R"({"service":"s","payload":{"inputs":{"t":{}}}})",
       "payload.inputs.t must have either path or command"},
      {R"({"service":"s","payload":{"inputs":{"t":{"path":["a"],"command":{"service":"s"}}}}})",
       "payload.inputs.t must have either path or command, not both"},
      {R"({"service":"s","payload":{"inputs":{"t":{"path":"a/b"}}}})",
       "payload.inputs.t.path must be a list of strings, but is a string"},
      {R"({"service":"s","payload":{"inputs":{"t":{"path":["a",1]}}}})",
       "payload.inputs.t.path must be a list of strings, but item 2 is an integer"},
      {R"({"service":"s","payload":{"inputs":{"t":{"path":[]}}}})",
       "payload.inputs.t.path: The path has no parts"},
      {R"({"service":"s","payload":{"inputs":{"t":{"path":["a","b/c"]}}}})",
       "payload.inputs.t.path: Part 2 of the path contains '/'"},
      {R"({"service":"s","payload":{"inputs":{"t":{"pth":["a"]}}}})",
       "payload.inputs.t.pth is unknown; did you mean payload.inputs.t.path?"},
      {R"({"service":"s","payload":{"inputs":{"":{"path":["a"]}}}})",
       "payload.inputs has an empty name"},
      {R"({"service":"s","payload":{"inputs":{"fx":{"command":{"service":"c","payload":{"sink":{
          "path":["a"],"ifExists":"reuse"}}}}}}})",
       "payload.inputs.fx.command.payload.sink.ifExists must be ERROR, REUSE or REPLACE; did you "
       "mean REUSE?"},
      {R"({"service":"s","payload":{"inputs":{"fx":{"command":{"payload":{}}}}}})",
       "payload.inputs.fx.command.service is missing"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ifExist":"ERROR"}}})",
       "payload.sink.ifExist is unknown; did you mean payload.sink.ifExists?"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ifExists":"ERROR","if_exists":"REUSE"}}})",
       "payload.sink.ifExists is given twice"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ifExists":1}}})",
       "payload.sink.ifExists must be a string"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ttlSec":0}}})",
       "payload.sink.ttlSec is 0; it must lie between 1 and"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ttlSec":1.5}}})",
       "payload.sink.ttlSec must be an integer, but is a number"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ttlSec":"x"}}})",
       "payload.sink.ttlSec must be an integer, but is a string"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"ttlSec":9223372036854775807}}})",
       "payload.sink.ttlSec is 9223372036854775807; it must lie"},
      {R"({"service":"s","payload":{"sink":{"cache":"yes"}}})",
       "payload.sink.cache must be a boolean, but is a string"},
      {R"({"service":"s","payload":{"sink":{"path":["a"],"cache":true}}})",
       "payload.sink.cache derives the path from the command: leave out payload.sink.path or it"},
      {R"({"service":"s","payload":{"sink":{"ifExists":"REUSE"}}})",
       "payload.sink.ifExists needs payload.sink.path"},
      {R"({"service":"s","payload":{"resultMetadata":{"schema":{"k":5}}}})",
       "payload.resultMetadata.schema.k must be a string, which sets it, or null"},
      {R"({"service":"s","payload":{"resultMetadata":{"fields":{"f":"x"}}}})",
       "payload.resultMetadata.fields.f must be an object"},
      {R"({"service":"s","payload":{"resultMetadata":{"columns":{}}}})",
       "payload.resultMetadata.columns is unknown; known are schema, fields"},
      {R"({"retry":{"task":"t"},"service":"s"})", "exactly one of service, retry and cancel"},
      {R"({"retry":{"task":"t"},"cancel":{"task":"t"}})",
       "exactly one of service, retry and cancel"},
      {R"({"retry":{}})", "retry.task is missing"},
      {R"({"cancel":{"task":"t","nod":"n"}})", "cancel.nod is unknown; did you mean cancel.node?"},
      {R"({"retry":"t"})", "retry must be an object, but is a string"},
  };
  for (const auto& [text, message] : kCases) {
    EXPECT_NE(Refusal(text).find(message), std::string::npos) << text << "\n" << Refusal(text);
  }
}

TEST(Command, NamesWhatIsWrongInProtobuf) {
  v1::Command message;
  message.set_service("s");
  (*message.mutable_payload()->mutable_inputs())["t"];
  EXPECT_EQ(Refusal(message.SerializeAsString()),
            "payload.inputs.t must have either path or command");
  (*message.mutable_payload()->mutable_inputs())["t"].add_path("a/b");
  EXPECT_EQ(Refusal(message.SerializeAsString()).find("payload.inputs.t.path: Part 1"), 0u);
  message.mutable_payload()->clear_inputs();
  message.mutable_payload()->mutable_sink()->add_path("a");
  message.mutable_payload()->mutable_sink()->set_ttl_sec(-1);
  EXPECT_EQ(Refusal(message.SerializeAsString()).find("payload.sink.ttlSec is -1"), 0u);
  message.mutable_payload()->mutable_sink()->set_ttl_sec(1);
  message.mutable_payload()->mutable_sink()->set_if_exists(static_cast<v1::IfExists::Policy>(9));
  EXPECT_EQ(Refusal(message.SerializeAsString()).find("payload.sink.ifExists must be"), 0u);

  // A sink of a later version: field 9 of it.
  v1::Command later;
  later.set_service("s");
  auto* sink = later.mutable_payload()->mutable_sink();
  sink->GetReflection()->MutableUnknownFields(sink)->AddVarint(9, 1);
  EXPECT_EQ(Refusal(later.SerializeAsString()),
            "The message Sink has the field 9, which this version does not know");
}

TEST(Command, LeavesWhatIsNotItsOwnToOthers) {
  EXPECT_TRUE(IsRaw(""));
  EXPECT_TRUE(IsRaw("hello"));
  EXPECT_TRUE(IsRaw(std::string("\x00\xFF", 2)));
  EXPECT_TRUE(IsRaw("[1]"));
  EXPECT_TRUE(IsRaw(" {\"service\":\"s\"}"));
  v1::Command message;
  message.set_service("Not A Service");
  EXPECT_TRUE(IsRaw(message.SerializeAsString()));
  message.set_service("s");
  EXPECT_FALSE(IsRaw(message.SerializeAsString()));
  message.mutable_retry()->set_task("t");
  EXPECT_TRUE(IsRaw(message.SerializeAsString()));
  message.clear_retry();
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(99, 1);
  EXPECT_TRUE(IsRaw(message.SerializeAsString()));
  v1::Command both;
  both.mutable_retry()->set_task("t");
  both.mutable_cancel()->set_task("t");
  EXPECT_TRUE(IsRaw(both.SerializeAsString()));
}

TEST(Command, WaitsRoundTrip) {
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    TaskReference task{"0123", "node-1"};
    auto retry =
        std::get<RetryRequest>(ParseCommandDescriptor(SerializeRetry(task, encoding)).ValueOrDie());
    EXPECT_EQ(retry.task.task, "0123");
    EXPECT_EQ(retry.task.node, "node-1");
    EXPECT_EQ(retry.encoding, encoding);
    auto cancel = std::get<CancelRequest>(
        ParseCommandDescriptor(SerializeCancel({"0123", ""}, encoding)).ValueOrDie());
    EXPECT_EQ(cancel.task.task, "0123");
    EXPECT_EQ(cancel.task.node, "");
    EXPECT_EQ(cancel.encoding, encoding);
  }
}

Command Nested(int levels) {
  Command command;
  command.service = "s";
  for (int i = 1; i < levels; ++i) {
    Command outer;
    outer.service = "s";
    outer.inputs.emplace("t", std::make_shared<const Command>(std::move(command)));
    command = std::move(outer);
  }
  return command;
}

TEST(Command, LimitsNesting) {
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    EXPECT_EQ(CanonicalText(MustParse(SerializeCommand(Nested(32), encoding)), true),
              CanonicalText(Nested(32), true));
    for (int levels : {33, 60}) {
      EXPECT_NE(Refusal(SerializeCommand(Nested(levels), encoding)).find("deeper than 32 levels"),
                std::string::npos);
    }
  }
  EXPECT_NE(Refusal(SerializeCommand(Nested(300), Encoding::kJson)).find("deeper than 256"),
            std::string::npos);
  // Too deep to be read at all (Protobuf stops at 100): an error or not ours, never a crash.
  arrow::Result<CommandDescriptor> deep =
      ParseCommandDescriptor(SerializeCommand(Nested(300), Encoding::kProtobuf));
  EXPECT_TRUE(!deep.ok() || std::holds_alternative<RawCommand>(*deep));
  std::string fields =
      R"({"service":"s","payload":{"x":)" + std::string(200, '[') + std::string(200, ']') + "}}";
  EXPECT_NE(Refusal(fields), "");
}

TEST(Command, LimitsItsSizeAndItsInputs) {
  CommandLimits limits;
  limits.max_bytes = 100;
  std::string big = R"({"service":"s","payload":{"x":")" + std::string(100, 'x') + "\"}}";
  arrow::Status status = ParseCommandDescriptor(big, limits).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_NE(status.message().find("at most 100"), std::string::npos) << status.message();
  EXPECT_TRUE(ParseCommandDescriptor(big).ok());
  std::string huge(64 << 20, 'x');
  EXPECT_EQ(ErrorCodeOf(ParseCommandDescriptor(huge).status()), ErrorCode::kBadArgument);

  Command wide;
  wide.service = "s";
  for (int i = 0; i < 1025; ++i) {
    wide.inputs.emplace("t" + std::to_string(i), FlightPath::Make({"a"}).ValueOrDie());
  }
  EXPECT_NE(Refusal(SerializeCommand(wide, Encoding::kJson)).find("more than 1024 inputs"),
            std::string::npos);
}

TEST(Command, LongWaysAreShortenedInMessages) {
  Command command;
  command.service = "WRONG";
  for (int i = 0; i < 20; ++i) {
    Command outer;
    outer.service = "s";
    outer.inputs.emplace("a_rather_long_name", std::make_shared<const Command>(std::move(command)));
    command = std::move(outer);
  }
  arrow::Status status =
      ParseCommandDescriptor(SerializeCommand(command, Encoding::kJson)).status();
  EXPECT_LT(status.message().size(), 256u);
  EXPECT_NE(status.message().find("payload.inputs.a_rather"), std::string::npos);
  EXPECT_NE(status.message().find("command.service must be lower-case"), std::string::npos);
  EXPECT_EQ(ErrorDetailOf(status)->detail().find("At payload.inputs"), 0u);
}

TEST(Command, HasOneCanonicalText) {
  std::string one = Canonical(R"({"service":"s","payload":{"b":1,"a":2,"sink":{}}})");
  EXPECT_EQ(one, R"({"payload":{"a":2,"b":1},"service":"s"})");
  EXPECT_EQ(
      Canonical(R"({ "payload" : {"a": 2, "b": 1, "inputs": {}}, "node": "n", "service":"s"})"),
      one);
  Command command = MustParse(kProtocolExample);
  EXPECT_EQ(CanonicalText(command, false).find("ifExists"), std::string::npos);
  EXPECT_NE(CanonicalText(command, true).find("ifExists"), std::string::npos);
  EXPECT_NE(
      Canonical(R"({"service":"s","payload":{"inputs":{"t":{"command":{"service":"c","node":"n",
                 "payload":{"sink":{"cache":true}}}}}}})")
          .find(R"({"command":{"payload":{"sink":{"cache":true}},"service":"c"}})"),
      std::string::npos);
}

TEST(Command, CachePathsTellCommandsApart) {
  FlightPath one =
      CachePath(MustParse(R"({"service":"s","payload":{"x":1,"sink":{"cache":true}}})"));
  FlightPath longer_life = CachePath(MustParse(
      R"({"service":"s","payload":{"x":1,"sink":{"cache":true,"ttlSec":5}},"node":"n"})"));
  FlightPath other = CachePath(MustParse(R"({"service":"s","payload":{"x":2}})"));
  EXPECT_EQ(one, longer_life);
  EXPECT_NE(one, other);
  ASSERT_EQ(one.parts().size(), 3u);
  EXPECT_EQ(one.parts()[0], "cache");
  EXPECT_EQ(one.parts()[1], "result");
  // SHA-256 of {"payload":{"x":1},"service":"s"}
  EXPECT_EQ(one.parts()[2], "d2f1afacefc983e633567806179b29efa082273701e3d5eb557d5d2a0517b07f");
}

}  // namespace
}  // namespace longbow
