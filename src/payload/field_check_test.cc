#include "payload/field_check.h"

#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

ServiceDescription Sql() {
  using Type = PayloadField::Type;
  ServiceDescription description;
  description.name = "sql";
  description.fields = {{"query", Type::kString, true, "The query."},
                        {"parameters", Type::kListOrObject, false, "Values."},
                        {"limit", Type::kInt, false, ""},
                        {"share", Type::kNumber, false, ""},
                        {"strict", Type::kBool, false, ""},
                        {"any", Type::kAny, false, ""}};
  return description;
}

std::string Refusal(const ServiceDescription& description, std::string_view json) {
  auto descriptor = ParseCommandDescriptor(json).ValueOrDie();
  arrow::Status status = CheckFields(description, std::get<Command>(descriptor));
  if (status.ok()) return "";
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  return status.message();
}

std::string SqlRefusal(const std::string& payload) {
  return Refusal(Sql(), R"({"service":"sql","payload":)" + payload + "}");
}

TEST(FieldCheck, TakesWhatIsDeclared) {
  EXPECT_EQ(SqlRefusal(R"({"query":"SELECT 1"})"), "");
  EXPECT_EQ(
      SqlRefusal(R"({"query":"","parameters":[1],"limit":5,"share":1,"strict":true,"any":{}})"),
      "");
  EXPECT_EQ(SqlRefusal(R"({"query":"","parameters":{"a":1},"share":0.5,"limit":null})"), "");
  EXPECT_EQ(SqlRefusal(R"({"query":"","inputs":{"t":{"path":["a"]}}})"), "");
}

TEST(FieldCheck, NamesTheField) {
  EXPECT_EQ(SqlRefusal(R"({"quer":"SELECT 1"})"),
            "payload.quer is unknown to the service 'sql'; did you mean payload.query?");
  EXPECT_EQ(SqlRefusal(R"({"query":"","input":{}})"),
            "payload.input is unknown to the service 'sql'; did you mean payload.inputs?");
  EXPECT_EQ(
      SqlRefusal(R"({"query":"","zzz":1})"),
      "payload.zzz is unknown to the service 'sql'; it takes query, parameters, limit, share, "
      "strict, any");
  EXPECT_EQ(SqlRefusal("{}"), "payload.query is missing: the service 'sql' needs it");
  EXPECT_EQ(SqlRefusal(R"({"query":5})"), "payload.query must be a string, but is an integer");
  EXPECT_EQ(SqlRefusal(R"({"query":"","parameters":5})"),
            "payload.parameters must be a list or object, but is an integer");
  EXPECT_EQ(SqlRefusal(R"({"query":"","limit":5.5})"),
            "payload.limit must be an integer, but is a number");
  EXPECT_EQ(SqlRefusal(R"({"query":"","limit":"5"})"),
            "payload.limit must be an integer, but is a string");
  EXPECT_EQ(SqlRefusal(R"({"query":"","strict":"yes"})"),
            "payload.strict must be a boolean, but is a string");
}

TEST(FieldCheck, ProducersTakeNoInputs) {
  ServiceDescription producer;
  producer.name = "connector";
  producer.takes_inputs = false;
  EXPECT_EQ(
      Refusal(producer, R"({"service":"connector","payload":{"inputs":{"t":{"path":["a"]}}}})"),
      "payload.inputs is not taken by the service 'connector': leave it out");
  EXPECT_EQ(Refusal(producer, R"({"service":"connector","payload":{"x":1}})"),
            "payload.x is unknown to the service 'connector', which takes none");
}

}  // namespace
}  // namespace longbow
