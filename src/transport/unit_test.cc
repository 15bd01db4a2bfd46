// The parts without a network: parsing, laying out, naming, errors.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/ipc_encoder.h>

#include "transport/flight_data.h"
#include "transport/ipc_decoder.h"
#include "transport/listening_socket.h"
#include "transport/method.h"
#include "transport/request_id.h"
#include "transport/server.h"
#include "transport/wire_error.h"

namespace longbow::transport {
namespace {

arrow::Result<FlightDataMessage> Parse(const std::string& bytes, size_t slice_bytes = 1 << 30) {
  std::vector<ByteSpan> slices;
  for (size_t i = 0; i < bytes.size(); i += slice_bytes) {
    slices.emplace_back(reinterpret_cast<const uint8_t*>(bytes.data()) + i,
                        std::min(slice_bytes, bytes.size() - i));
    slices.emplace_back();  // empty ones are passed over
  }
  return ParseFlightData(slices, arrow::default_memory_pool());
}

std::string BytesOf(const Frame& frame) {
  std::string bytes;
  for (const auto& part : frame.parts()) bytes += part->ToString();
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), frame.size_bytes());
  return bytes;
}

std::string Padded(std::string bytes) {
  bytes.resize((bytes.size() + 7) / 8 * 8);
  return bytes;
}

TEST(FlightDataTest, FramesAreParsedBack) {
  for (const size_t size : {0, 1, 7, 8, 1000, 1023, 1024, 1025, 5000, 70000}) {
    const std::string text(size, 'b');
    IpcMessage message;
    message.metadata = arrow::Buffer::FromString(std::string(size + 3, 'h'));
    message.body = {arrow::Buffer::FromString(text), nullptr, arrow::Buffer::FromString("12345"),
                    arrow::Buffer::FromString(text)};
    message.rows = 1;
    const std::string body = Padded(text) + Padded("12345") + Padded(text);
    const std::string bytes =
        BytesOf(Frame::FlightData(&message, arrow::Buffer::FromString("meta")));
    for (const size_t slice : {1, 3, 1000, 1 << 30}) {
      const auto parsed = Parse(bytes, slice);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(parsed->header->ToString(), std::string(size + 3, 'h'));
      EXPECT_EQ(parsed->app_metadata->ToString(), "meta");
      EXPECT_EQ(parsed->body->ToString(), body);
      EXPECT_EQ(parsed->body->address() % 64, 0u);
      EXPECT_FALSE(parsed->descriptor.has_value());
    }
  }
}

TEST(FlightDataTest, LargePartsAreShared) {
  IpcMessage message;
  message.metadata = arrow::Buffer::FromString("h");
  message.body = {arrow::Buffer::FromString(std::string(4096, 'b'))};
  const Frame frame = Frame::FlightData(&message, nullptr);
  ASSERT_EQ(frame.parts().size(), 2u);
  EXPECT_EQ(frame.parts()[1], message.body[0]);
}

TEST(FlightDataTest, TakesAnyOrderAndUnknownFields) {
  const std::string unknown(
      "\x20\x05\x29"
      "12345678"
      "\x35"
      "1234"
      "\x3a\x01z",
      19);
  const auto parsed = Parse("\x1a\x01m" + unknown + "\x12\x01h" +
                            "\x0a\x02"
                            "de");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed->descriptor, "de");
  EXPECT_EQ(parsed->header->ToString(), "h");
  EXPECT_EQ(parsed->app_metadata->ToString(), "m");
  EXPECT_EQ(parsed->body, nullptr);
  EXPECT_TRUE(Parse("").ok());
}

TEST(FlightDataTest, RefusesWhatIsMalformed) {
  for (const std::string& bytes : {
           std::string("\x12"),                                      // a length is missing
           std::string("\x12\x02x"),                                 // longer than the message
           std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),  // far longer
           std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),  // no number
           std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),  // the field's is too large
           std::string("\x12\x01"
                       "a\x12\x01"
                       "a"),  // twice
           std::string("\x0a\x01"
                       "a\x0a\x01"
                       "a"),
           std::string("\x10\x01"),     // a wrong type
           std::string("\x23\x24"),     // groups
           std::string("\x26\x01", 2),  // no type at all
           std::string("\x00\x00", 2),  // field 0
           std::string("\x29\x01"),     // half of a fixed64
           std::string("\x80"),         // half of a number
       }) {
    for (const size_t slice : {1, 1 << 30}) {
      EXPECT_EQ(ErrorCodeOf(Parse(bytes, slice).status()), ErrorCode::kBadArgument);
    }
  }
}

TEST(FlightDataTest, RandomChangesBreakNothing) {
  IpcMessage message;
  message.metadata = arrow::Buffer::FromString("header");
  message.body = {arrow::Buffer::FromString(std::string(300, 'b'))};
  const std::string good = BytesOf(Frame::FlightData(&message, arrow::Buffer::FromString("meta")));
  std::minstd_rand random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good.substr(0, random() % (good.size() + 1));
    for (int i = 0; i < 3 && !bytes.empty(); ++i) {
      bytes[random() % std::min<size_t>(bytes.size(), 24)] = static_cast<char>(random());
    }
    (void)Parse(bytes, 1 + random() % 64);
  }
}

TEST(WireErrorTest, KeepsTheLayoutOfItsClients) {
  const WireError wire = ToWire(MakeError(ErrorCode::kBackpressure, "full", "", "b"));
  EXPECT_EQ(wire.extra_info, R"({"body":"Yg==","code":196710,"detail":null,"msg":"full"})");
  EXPECT_EQ(wire.grpc_code, 14);
  EXPECT_EQ(wire.message, "full");
}

TEST(WireErrorTest, CutsAtCharactersAndReplacesWhatIsNoText) {
  std::string smiles;
  for (int i = 0; i < 1000; ++i) smiles += "\xF0\x9F\x98\x80";
  const WireError wire =
      ToWire(MakeError(ErrorCode::kBadArgument, smiles, smiles, std::string(2000, '\xff')));
  EXPECT_LT(wire.extra_info.size(), 6144u);
  EXPECT_EQ(wire.message, smiles.substr(0, 256 * 4));
  const arrow::Status back = FromWire(wire.extra_info, "");
  EXPECT_EQ(ErrorDetailOf(back)->detail(), smiles.substr(0, 512 * 4));
  EXPECT_EQ(ToWire(arrow::Status::Invalid("a\xff"
                                          "b"))
                .message,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(WireErrorTest, ABodyThatDoesNotFitIsLeftOut) {
  for (const size_t bytes : {4000, 4500, 5000, 100000}) {
    const WireError wire =
        ToWire(MakeError(ErrorCode::kBadRequest, "m", "", std::string(bytes, 'x')));
    EXPECT_LT(wire.extra_info.size(), 6144u);
    const arrow::Status back = FromWire(wire.extra_info, "");
    EXPECT_EQ(ErrorDetailOf(back)->body().size(), bytes <= 4500 ? bytes : 0);
  }
}

TEST(WireErrorTest, UnderstandsWhatIsNoErrorOfOurs) {
  for (const char* text : {"", "x", "[]", "{}", R"({"code":"1"})", R"({"code":1.5})"}) {
    const arrow::Status status = FromWire(text, "fallback");
    EXPECT_EQ(status.message(), "fallback");
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnknown);
  }
  EXPECT_EQ(FromWire(R"({"code":201,"msg":"m","body":"?"})", "").message(), "m");
}

TEST(MethodTest, NamesAndPaths) {
  for (int i = 0; i < 10; ++i) {
    const auto method = static_cast<Method>(i);
    const std::string path =
        "/arrow.flight.protocol.FlightService/" + std::string(MethodName(method));
    EXPECT_EQ(MethodOfPath(path), method);
    EXPECT_EQ(MethodOfPath(path + "x"), std::nullopt);
  }
  EXPECT_EQ(MethodOfPath(""), std::nullopt);
}

TEST(RequestIdTest, AreDifferent) {
  RequestIdSource one;
  RequestIdSource other;
  EXPECT_NE(one.Next(), other.Next());
  EXPECT_NE(one.Next(), one.Next());
  EXPECT_TRUE(IsRequestId(one.Next()));
  EXPECT_FALSE(IsRequestId(""));
  EXPECT_FALSE(IsRequestId("a\n"));
}

// Listening ---------------------------------------------------------------------------------------

class NoHandler final : public CallHandler {
  void Serve(std::shared_ptr<Call>) override {}
};

arrow::Result<std::unique_ptr<Server>> Listen(const std::string& address, CallHandler* handler) {
  ServerOptions options;
  options.addresses = {address};
  return Server::Start(options, handler, nullptr);
}

TEST(ListenTest, APortInUseIsAnError) {
  NoHandler handler;
  const auto first = Listen("127.0.0.1:0", &handler).ValueOrDie();
  const std::string address = "127.0.0.1:" + std::to_string(first->ports()[0]);
  const arrow::Status status = Listen(address, &handler).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kAlreadyExists);
  EXPECT_NE(status.message().find(address), std::string::npos);
  EXPECT_NE(status.message().find("another program is using it"), std::string::npos);
}

TEST(ListenTest, ASocketInUseIsAnErrorALeftOverIsNot) {
  const std::string path = "/tmp/longbow-listen-" + std::to_string(getpid()) + ".sock";
  NoHandler handler;
  {
    const auto first = Listen("unix:" + path, &handler).ValueOrDie();
    EXPECT_EQ(ErrorCodeOf(Listen("unix:" + path, &handler).status()), ErrorCode::kAlreadyExists);
  }
  EXPECT_TRUE(Listen("unix:" + path, &handler).ok());
  std::ofstream(path) << "no socket";
  EXPECT_EQ(ErrorCodeOf(Listen("unix:" + path, &handler).status()), ErrorCode::kAlreadyExists);
  unlink(path.c_str());
}

TEST(ListenTest, AddressesThatCannotBe) {
  NoHandler handler;
  for (const std::string& address :
       {std::string("nonsense"), std::string("127.0.0.1:"), std::string("127.0.0.1:99999"),
        std::string("127.0.0.1:8x"), std::string("127.0.0.1:-1"), std::string("[]:0"),
        std::string("::1:80"), std::string("192.0.2.1:0"), std::string("unix:"),
        "unix:/" + std::string(200, 'x'), std::string("unix:/no/such/folder/x.sock")}) {
    EXPECT_EQ(ErrorCodeOf(Listen(address, &handler).status()), ErrorCode::kBadArgument) << address;
  }
}

TEST(ListenTest, ABadCertificateIsAnError) {
  NoHandler handler;
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  options.tls = TlsOptions{"no pem", "no pem", ""};
  const arrow::Status status = Server::Start(options, &handler, nullptr).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_NE(status.message().find("the certificate is no PEM text"), std::string::npos);
}

}  // namespace
}  // namespace longbow::transport
