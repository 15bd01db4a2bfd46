// Whatever bytes come, the parsers end with a value or with an error that can be shown; and a value
// says the same after a way out and back. The fuzz targets go further; this runs in every test.

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "base/utf8.h"
#include "payload/command.h"
#include "payload/messages.h"
#include "payload/ticket.h"

namespace longbow {
namespace {

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  std::string Mutate(std::string bytes, const std::vector<std::string>& seeds) {
    int steps = 1 + Below(4);
    for (int i = 0; i < steps; ++i) Step(&bytes, seeds);
    return bytes;
  }
  size_t Below(size_t bound) { return random_() % bound; }

 private:
  void Step(std::string* bytes, const std::vector<std::string>& seeds) {
    static constexpr std::string_view kSpecial = "{}[]\",:\\0-9.eE\n\x00\x7F\x80\xFF\xC2";
    size_t at = bytes->empty() ? 0 : Below(bytes->size());
    switch (Below(6)) {
      case 0:
        if (!bytes->empty()) (*bytes)[at] = static_cast<char>(random_());
        return;
      case 1:
        bytes->insert(at, 1, kSpecial[Below(kSpecial.size())]);
        return;
      case 2:
        bytes->erase(at, 1 + Below(4));
        return;
      case 3:
        bytes->resize(at);
        return;
      case 4:
        bytes->insert(at, bytes->substr(at, Below(30)));
        return;
      default: {
        const std::string& other = seeds[Below(seeds.size())];
        if (!other.empty()) bytes->insert(at, other.substr(Below(other.size()), Below(40)));
      }
    }
  }

  std::mt19937 random_;
};

void ExpectShowable(const arrow::Status& status) {
  EXPECT_NE(ErrorDetailOf(status), nullptr) << status.ToString();
  EXPECT_FALSE(status.message().empty());
  EXPECT_TRUE(IsValidUtf8(status.message())) << status.message();
}

void TryCommand(const std::string& bytes) {
  arrow::Result<CommandDescriptor> result = ParseCommandDescriptor(bytes);
  if (!result.ok()) {
    EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
    return ExpectShowable(result.status());
  }
  const auto* command = std::get_if<Command>(&*result);
  if (command == nullptr) return;
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    arrow::Result<CommandDescriptor> again =
        ParseCommandDescriptor(SerializeCommand(*command, encoding));
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    ASSERT_TRUE(std::holds_alternative<Command>(*again));
    EXPECT_EQ(CanonicalText(std::get<Command>(*again), true), CanonicalText(*command, true));
  }
}

void TryTicket(const std::string& bytes) {
  arrow::Result<Ticket> result = ParseTicket(bytes);
  if (!result.ok()) {
    EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kInvalidTicket);
    return ExpectShowable(result.status());
  }
  if (const auto* ticket = std::get_if<FlightTicket>(&*result)) {
    for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
      auto again = ParseTicket(SerializeTicket(*ticket, encoding)).ValueOrDie();
      EXPECT_EQ(std::get<FlightTicket>(again).path, ticket->path);
    }
  }
}

template <typename T>
void TryMessage(const std::string& bytes) {
  arrow::Result<T> result = ParseMessage<T>(bytes);
  if (!result.ok()) {
    EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
    return ExpectShowable(result.status());
  }
  std::string json = SerializeMessage(*result, Encoding::kJson);
  std::string proto = SerializeMessage(*result, Encoding::kProtobuf);
  EXPECT_EQ(SerializeMessage(ParseMessage<T>(json).ValueOrDie(), Encoding::kJson), json);
  EXPECT_EQ(SerializeMessage(ParseMessage<T>(proto).ValueOrDie(), Encoding::kJson), json);
}

void AddBothEncodings(std::string_view json, std::vector<std::string>* seeds) {
  auto command = std::get<Command>(ParseCommandDescriptor(json).ValueOrDie());
  seeds->push_back(SerializeCommand(command, Encoding::kJson));
  seeds->push_back(SerializeCommand(command, Encoding::kProtobuf));
}

TEST(Mutation, NoBytesBreakTheParsers) {
  std::vector<std::string> seeds;
  AddBothEncodings(
      R"({"service":"sql","node":"n","payload":{"query":"SELECT 1","n":9007199254740993,
      "inputs":{"sales":{"path":["raw","sales"]},
                "fx":{"command":{"service":"connector","payload":{"source":"pg","d":[1.5,null]}}}},
      "sink":{"path":["a","b"],"ifExists":"REUSE","ttlSec":900},
      "resultMetadata":{"schema":{"o":"f","x":null},"fields":{"a":{"unit":"EUR"}}}}})",
      &seeds);
  AddBothEncodings(R"({"service":"s","payload":{"sink":{"cache":true},"f":{"a":[{"b":-0.0}]}}})",
                   &seeds);
  FlightTicket ticket{FlightPath::Parse("a/b").ValueOrDie(), 7};
  PutOptions options;
  options.ttl_sec = 5;
  options.metadata.schema["k"] = "v";
  DeleteFlightsRequest removal{{ticket.path}, {}};
  StoredFlightInfo stored{ticket.path, 1, nullptr, 2, 3, WallTime(), WallTime()};
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    seeds.push_back(SerializeRetry({"t", "n"}, encoding));
    seeds.push_back(SerializeTicket(ticket, encoding));
    seeds.push_back(SerializeTicket(TaskTicket{{"t", "n"}}, encoding));
    seeds.push_back(SerializeMessage(options, encoding));
    seeds.push_back(SerializeMessage(removal, encoding));
    seeds.push_back(SerializeMessage(stored, encoding));
  }

  Mutator mutator(20260101);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = mutator.Mutate(seeds[mutator.Below(seeds.size())], seeds);
    SCOPED_TRACE(bytes);
    TryCommand(bytes);
    TryTicket(bytes);
    TryMessage<PutOptions>(bytes);
    TryMessage<ListCriteria>(bytes);
    TryMessage<DeleteFlightsRequest>(bytes);
    TryMessage<GetLocationsRequest>(bytes);
    TryMessage<StoredFlightInfo>(bytes);
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace longbow
