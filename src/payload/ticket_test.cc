#include "payload/ticket.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "longbow/v1/ticket.pb.h"

namespace longbow {
namespace {

FlightPath Path(std::string_view text) { return FlightPath::Parse(text).ValueOrDie(); }

TEST(Ticket, RoundTripsInBothEncodings) {
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    auto task = std::get<TaskTicket>(
        ParseTicket(SerializeTicket(TaskTicket{{"t1", "n1"}}, encoding)).ValueOrDie());
    EXPECT_EQ(task.task.task, "t1");
    EXPECT_EQ(task.task.node, "n1");
    for (std::optional<int64_t> revision :
         {std::optional<int64_t>(), std::optional<int64_t>(0), std::optional<int64_t>(1)}) {
      auto flight = std::get<FlightTicket>(
          ParseTicket(SerializeTicket(FlightTicket{Path("a/b"), revision}, encoding)).ValueOrDie());
      EXPECT_EQ(flight.path, Path("a/b"));
      EXPECT_EQ(flight.revision, revision);
    }
  }
}

TEST(Ticket, IsWrittenByHand) {
  auto flight = std::get<FlightTicket>(ParseTicket(R"({"path": ["a", "b"]})").ValueOrDie());
  EXPECT_EQ(flight.path, Path("a/b"));
  EXPECT_EQ(flight.revision, std::nullopt);
  EXPECT_EQ(SerializeTicket(flight, Encoding::kJson), R"({"path":["a","b"]})");
}

TEST(Ticket, NamesWhatIsWrong) {
  const std::map<std::string, std::string> kCases = {
      {"{", "The ticket: The JSON text is not valid"},
      {"{}", "A ticket has either path"},
      {R"({"path":["a"],"task":"t"})", "A ticket has either path"},
      {R"({"path":[]})", "path: The path has no parts"},
      {R"({"path":["a/b"]})", "path: Part 1"},
      {R"({"path":"a"})", "path must be a list of strings"},
      {R"({"pth":["a"]})", "pth is unknown; did you mean path?"},
      {R"({"path":["a"],"revision":-1})", "revision is -1"},
      {R"({"path":["a"],"revision":"x"})", "revision must be an integer"},
      {R"({"task":"t","revision":1})", "revision belongs to a path"},
      {R"({"task":"a\u0000"})", "task contains a control character"},
      {R"({"task":")" + std::string(300, 'x') + "\"}", "task has 300 bytes"},
      {"{" + std::string(100000, ' ') + "}", "at most 65536"},
  };
  for (const auto& [text, message] : kCases) {
    arrow::Status status = ParseTicket(text).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kInvalidTicket) << text;
    EXPECT_NE(status.message().find(message), std::string::npos) << text << "\n"
                                                                 << status.message();
  }
}

TEST(Ticket, LeavesWhatIsNotItsOwnToOthers) {
  v1::Ticket unknown;
  unknown.set_task("t");
  unknown.GetReflection()->MutableUnknownFields(&unknown)->AddVarint(99, 1);
  v1::Ticket both;
  both.set_task("t");
  both.add_path("a");
  for (const std::string& bytes :
       {std::string(), std::string("ticket"), std::string("\x00\xFF", 2), std::string(100000, 'x'),
        unknown.SerializeAsString(), both.SerializeAsString()}) {
    arrow::Result<Ticket> ticket = ParseTicket(bytes);
    ASSERT_TRUE(ticket.ok());
    EXPECT_TRUE(std::holds_alternative<RawTicket>(*ticket)) << bytes.substr(0, 20);
  }
  v1::Ticket bad_path;
  bad_path.add_path("a/b");
  EXPECT_EQ(ErrorCodeOf(ParseTicket(bad_path.SerializeAsString()).status()),
            ErrorCode::kInvalidTicket);
}

}  // namespace
}  // namespace longbow
