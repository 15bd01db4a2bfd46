#include "flight_argument.h"

#include <gtest/gtest.h>

#include "client_failure.h"
#include "commands.h"

namespace longbow::client {
namespace {

bool OnlySales(const std::string& path) {
  return path == "sales.parquet" || path == "./sales.parquet" || path == "/data/x.csv" ||
         path == "notes" || path == "sales.csv.gz";
}

FlightArgument Parsed(std::string_view text) {
  auto flight = ParseFlightArgument(text, OnlySales);
  EXPECT_TRUE(flight.ok()) << flight.status();
  return *flight;
}

std::string PathOf(std::string_view text) {
  const auto flight = Parsed(text);
  const auto* path = std::get_if<FlightPath>(&flight);
  return path == nullptr ? "no path" : path->ToString();
}

std::string FileOf(std::string_view text) {
  const auto flight = Parsed(text);
  const auto* file = std::get_if<LocalFile>(&flight);
  return file == nullptr ? "no file" : file->path;
}

std::string CommandOf(std::string_view text) {
  const auto flight = Parsed(text);
  const auto* command = std::get_if<CommandArgument>(&flight);
  return command == nullptr ? "no command" : command->command.ToJson();
}

int ExitCodeFor(const arrow::Status& status) {
  return DescribeFailure(status, "grpc://x").exit_code;
}

TEST(FlightArgumentTest, ReadsStoredFlights) {
  EXPECT_EQ(PathOf("reports/2026/q1"), "reports/2026/q1");
  EXPECT_EQ(PathOf("path:sales.parquet"), "sales.parquet");
  // An ending that is known, but no such file.
  EXPECT_EQ(PathOf("raw/sales.csv"), "raw/sales.csv");
  // A file, but its ending says nothing of data.
  EXPECT_EQ(PathOf("notes"), "notes");
}

TEST(FlightArgumentTest, ReadsLocalFiles) {
  EXPECT_EQ(FileOf("sales.parquet"), "sales.parquet");
  EXPECT_EQ(FileOf("sales.csv.gz"), "sales.csv.gz");
  EXPECT_EQ(FileOf("./sales.parquet"), "./sales.parquet");
  EXPECT_EQ(FileOf("/data/x.csv"), "/data/x.csv");
  EXPECT_EQ(FileOf("@notes"), "notes");
}

TEST(FlightArgumentTest, ReadsCommands) {
  EXPECT_EQ(CommandOf(R"({"service": "sql", "payload": {"query": "SELECT 1"}})"),
            R"({"payload":{"query":"SELECT 1"},"service":"sql"})");
  EXPECT_EQ(CommandOf("connector:nyc"), R"({"payload":{"source":"nyc"},"service":"connector"})");
  EXPECT_EQ(CommandOf("connector:nyc/2013/flights.csv"),
            R"({"payload":{"path":"2013/flights.csv","source":"nyc"},"service":"connector"})");
}

TEST(FlightArgumentTest, WritesCommandsAsTheyCanBeTyped) {
  for (const char* text : {"connector:nyc", "connector:nyc/2013/flights.csv"}) {
    EXPECT_EQ(CommandAsArgument(CommandOf(text)), text);
  }
  const std::string limited = R"({"payload":{"limit":5,"source":"nyc"},"service":"connector"})";
  EXPECT_EQ(CommandAsArgument(limited), limited);
  EXPECT_EQ(CommandAsArgument("\x08raw"), "\x08raw");
}

TEST(FlightArgumentTest, RefusesTheRestAsWrongUsage) {
  for (const char* text : {"", "a//b", "./missing.csv", "@missing", "/etc",
                           "connector:", "connector:/x", "{\"service\":", "path:", "a\nb"}) {
    auto flight = ParseFlightArgument(text, OnlySales);
    ASSERT_FALSE(flight.ok()) << text;
    EXPECT_EQ(ExitCodeFor(flight.status()), app::kExitUsage) << text;
  }
}

TEST(InputArgumentTest, IsANameAndAFlight) {
  auto input = ParseInputArgument("s=raw/sales", OnlySales);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->name, "s");
  EXPECT_EQ(std::get<FlightPath>(input->source).ToString(), "raw/sales");
  // The first sign ends the name: a command may hold more of them.
  input = ParseInputArgument(R"(s={"service":"sql","payload":{"query":"SELECT 1=1"}})", OnlySales);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->name, "s");
  for (const char* text : {"s", "=x", "s=", "s=@missing"}) {
    auto wrong = ParseInputArgument(text, OnlySales);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_EQ(ExitCodeFor(wrong.status()), app::kExitUsage) << text;
  }
}

TEST(SqlCommandTest, IsTheEnvelopeOfTheProtocol) {
  SqlRequest request;
  request.query = "SELECT 1";
  EXPECT_EQ(MakeSqlCommand(request).ToJson(),
            R"({"payload":{"query":"SELECT 1"},"service":"sql"})");
  request.inputs.push_back(*ParseInputArgument("s=raw/sales", OnlySales));
  request.inputs.push_back(*ParseInputArgument("f=connector:nyc", OnlySales));
  request.sink = *FlightPath::Parse("reports/q1");
  request.if_exists = "reuse";
  request.ttl_sec = 900;
  EXPECT_EQ(MakeSqlCommand(request).ToJson(),
            R"({"payload":{"inputs":{"f":{"command":{"payload":{"source":"nyc"},"service":)"
            R"("connector"}},"s":{"path":["raw","sales"]}},"query":"SELECT 1","sink":{"ifExists":)"
            R"("REUSE","path":["reports","q1"],"ttlSec":900}},"service":"sql"})");
}

}  // namespace
}  // namespace longbow::client
