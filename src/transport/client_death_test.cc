// A client that has sent all it has, and one that died meanwhile, must not be mistaken for each
// other: of the one a put is committed, of the other not.

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

extern char** environ;

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

constexpr char kPortVariable[] = "LONGBOW_TEST_PUT_PORT";
constexpr int kMessages = 20;

std::shared_ptr<arrow::RecordBatch> SomeBatch() {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 10000; ++i) EXPECT_TRUE(builder.Append(i).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("a", arrow::int64())}), 10000,
                                  {builder.Finish().ValueOrDie()});
}

flight::FlightClient::DoPutResult BeginPut(flight::FlightClient* client) {
  const auto batch = SomeBatch();
  auto put = client->DoPut(flight::FlightDescriptor::Path({"a"}), batch->schema()).ValueOrDie();
  for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(put.writer->WriteRecordBatch(*batch).ok());
  return put;
}

std::unique_ptr<flight::FlightClient> Connect(int port) {
  return flight::FlightClient::Connect(*flight::Location::ForGrpcTcp("127.0.0.1", port))
      .ValueOrDie();
}

// The other process: puts, and waits to be killed.
TEST(ClientDeathChild, DISABLED_PutAndWait) {
  const auto client = Connect(std::stoi(getenv(kPortVariable)));
  auto put = BeginPut(client.get());
  while (true) pause();
}

class ClientDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    server_ = Server::Start(options, &handler_, nullptr).ValueOrDie();
  }
  int port() const { return server_->ports()[0]; }
  void ExpectBroken() {
    EXPECT_TRUE(handler_.events().WaitFor("put broken"));
    EXPECT_EQ(handler_.events().Count("put end"), 0);
  }

  EchoHandler handler_;
  std::unique_ptr<Server> server_;
};

TEST_F(ClientDeathTest, AnEndIsAnEnd) {
  for (int round = 1; round <= 50; ++round) {
    const auto client = Connect(port());
    auto put = BeginPut(client.get());
    ASSERT_TRUE(put.writer->DoneWriting().ok());
    ASSERT_TRUE(handler_.events().WaitFor("put end", round));
    ASSERT_TRUE(put.writer->Close().ok());
  }
  EXPECT_EQ(handler_.events().Count("put broken"), 0);
}

TEST_F(ClientDeathTest, AKilledClientIsBroken) {
  const std::string variable = std::string(kPortVariable) + "=" + std::to_string(port());
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  char program[] = "/proc/self/exe";
  char filter[] = "--gtest_filter=ClientDeathChild.DISABLED_PutAndWait";
  char disabled[] = "--gtest_also_run_disabled_tests";
  char brief[] = "--gtest_brief=1";
  char* arguments[] = {program, filter, disabled, brief, nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program, nullptr, nullptr, arguments, environment.data()), 0);
  EXPECT_TRUE(handler_.events().WaitFor("put message", kMessages + 1));
  EXPECT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  ExpectBroken();
}

TEST_F(ClientDeathTest, AShutDownServerBreaksPuts) {
  const auto client = Connect(port());
  auto put = BeginPut(client.get());
  EXPECT_TRUE(handler_.events().WaitFor("put message", kMessages + 1));
  server_->Shutdown(std::chrono::milliseconds(0));
  ExpectBroken();
}

TEST_F(ClientDeathTest, ADeadlineBreaksPuts) {
  const auto client = Connect(port());
  flight::FlightCallOptions options;
  options.timeout = flight::TimeoutDuration{2};
  auto put = client->DoPut(options, flight::FlightDescriptor::Path({"a"}), SomeBatch()->schema());
  ASSERT_TRUE(put.ok()) << put.status();
  if (handler_.events().WaitFor("put message")) ExpectBroken();
}

TEST_F(ClientDeathTest, AMessageThatIsTooLargeBreaksPutsAlsoAtTheirEnd) {
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  options.max_message_bytes = 70000;
  const auto server = Server::Start(options, &handler_, nullptr).ValueOrDie();
  const auto batch = SomeBatch();  // 80,000 bytes
  const auto small = batch->Slice(0, 100);
  for (int round = 1; round <= 50; ++round) {
    const auto client = Connect(server->ports()[0]);
    auto put = client->DoPut(flight::FlightDescriptor::Path({"a"}), batch->schema()).ValueOrDie();
    for (int i = 0; i < round % 4; ++i) (void)put.writer->WriteRecordBatch(*small);
    (void)put.writer->WriteRecordBatch(*batch);
    (void)put.writer->DoneWriting();
    const arrow::Status status = put.writer->Close();
    const auto detail = flight::FlightStatusDetail::UnwrapStatus(status);
    ASSERT_NE(detail, nullptr) << status;
    EXPECT_NE(detail->extra_info().find("larger than this server takes"), std::string::npos);
    ASSERT_TRUE(handler_.events().WaitFor("put broken", round));
  }
  EXPECT_EQ(handler_.events().Count("put end"), 0);
}

}  // namespace
}  // namespace longbow::transport
