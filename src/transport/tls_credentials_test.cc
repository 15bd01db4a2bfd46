// An identity that is replaced while connections are open, and who gets in.

#include "transport/tls_credentials.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <longbow/error.h>

#include "transport/acceptor.h"
#include "transport/listening_socket.h"
#include "transport/peer_certificate.h"
#include "transport/tls_test_client.h"
#include "transport/tls_test_identity.h"

namespace longbow::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using OptionalPeer = std::optional<PeerCertificate>;

/// Sends back each message.
class Echo final : public grpc::ServerGenericBidiReactor {
 public:
  Echo() { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartWrite(&message_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer message_;
};

/// Takes its connections as the transport does.
class EchoServer final : private grpc::CallbackGenericService {
 public:
  explicit EchoServer(const TlsCredentials& credentials) {
    using ExternalConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    auto socket = ListeningSocket::Bind("127.0.0.1:0");
    if (!socket.ok()) socket.status().Abort();
    socket_.emplace(*std::move(socket));
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(this);
    std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> owner =
        builder.experimental().AddExternalConnectionAcceptor(ExternalConnectionType::FROM_FD,
                                                             credentials.credentials());
    server_ = builder.BuildAndStart();
    const auto take = [owner](int listener, int connection) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
      parameters.listener_fd = listener;
      parameters.fd = connection;
      owner->HandleNewConnection(&parameters);
    };
    acceptor_.emplace(AcceptorOptions{.max_connections = 1000},
                      std::vector<Acceptor::Source>{{&*socket_, take}}, [] { return 0; });
    EXPECT_TRUE(acceptor_->Start().ok());
  }
  ~EchoServer() override {
    acceptor_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  int port() const { return socket_->port(); }
  OptionalPeer last_peer() const {
    std::lock_guard lock(mutex_);
    return last_peer_;
  }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    OptionalPeer peer = ReadPeerCertificate(*context);
    std::lock_guard lock(mutex_);
    last_peer_ = std::move(peer);
    return new Echo;
  }

  std::optional<ListeningSocket> socket_;
  std::unique_ptr<grpc::Server> server_;
  std::optional<Acceptor> acceptor_;
  mutable std::mutex mutex_;
  OptionalPeer last_peer_;
};

/// A connection of its own, and a stream on it.
class EchoClient {
 public:
  EchoClient(int port, const TestIdentity& trusted, const TestIdentity* own = nullptr) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = trusted.certificate_pem;
    if (own != nullptr) {
      options.pem_private_key = own->private_key_pem;
      options.pem_cert_chain = own->certificate_pem;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("localhost");
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                         grpc::SslCredentials(options), arguments);
    stream_ = grpc::GenericStub(channel_).PrepareCall(&context_, "/test/echo", &queue_);
    stream_->StartCall(this);
    good_ = Wait();
  }
  ~EchoClient() {
    if (!ended_) End();
    queue_.Shutdown();
    while (Wait()) {
    }
  }

  /// Whether `text` came back.
  bool Send(const std::string& text) {
    if (!good_) return false;
    const grpc::Slice slice(text);
    stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    if (!Wait()) return false;
    grpc::ByteBuffer answer;
    stream_->Read(&answer, this);
    grpc::Slice whole;
    return Wait() && answer.DumpToSingleSlice(&whole).ok() &&
           std::string(whole.begin(), whole.end()) == text;
  }
  bool End() {
    ended_ = true;
    if (good_) {
      stream_->WritesDone(this);
      Wait();
    }
    grpc::Status status;
    stream_->Finish(&status, this);
    Wait();
    return status.ok();
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool good_ = false;
  bool ended_ = false;
};

class TlsCredentialsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

  static TlsOptions Options(const TestIdentity& identity, const std::string& roots = {}) {
    return {identity.certificate_pem, identity.private_key_pem, roots};
  }
  void Start(const TlsOptions& tls) {
    auto credentials = TlsCredentials::Make(tls, &clock_);
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    credentials_ = *std::move(credentials);
    server_.emplace(*credentials_);
  }
  TestHandshakeResult Shake(const TestIdentity* identity = nullptr) const {
    return ShakeHands({.port = server_->port(), .identity = identity});
  }
  bool LetsIn(const TestIdentity* identity) const { return Shake(identity).accepted; }
  /// What the server knows about a client with such a certificate; nothing if it is not let in.
  OptionalPeer PeerOf(TestIdentitySpec spec) {
    spec.is_authority = false;
    const TestIdentity client = MakeTestIdentity(spec, &authority_);
    EchoClient stream(server_->port(), first_, &client);
    return stream.Send("hello") ? server_->last_peer() : std::nullopt;
  }

  const SystemClock clock_;
  const TestIdentity first_ = MakeTestIdentity();
  const TestIdentity second_ = MakeTestIdentity();
  const TestIdentity authority_ = MakeTestIdentity({.common_name = "Authority"});
  std::unique_ptr<TlsCredentials> credentials_;
  std::optional<EchoServer> server_;
};

TEST_F(TlsCredentialsTest, ANewIdentityIsForNewConnections) {
  Start(Options(first_));
  EchoClient old_one(server_->port(), first_);
  ASSERT_TRUE(old_one.Send("before"));
  EXPECT_EQ(Shake().certificate_pem, first_.certificate_pem);
  const arrow::Status status = credentials_->Replace(Options(second_));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Shake().certificate_pem, second_.certificate_pem);
  EchoClient new_one(server_->port(), second_);
  EXPECT_TRUE(new_one.Send("after"));
  EchoClient behind(server_->port(), first_);
  EXPECT_FALSE(behind.Send("after"));
  EXPECT_TRUE(old_one.Send("after"));
  EXPECT_TRUE(old_one.End());
  EXPECT_TRUE(new_one.End());
}

TEST_F(TlsCredentialsTest, EachServerGetsTheNewIdentity) {
  Start(Options(first_));
  const EchoServer other(*credentials_);
  ASSERT_TRUE(credentials_->Replace(Options(second_)).ok());
  EXPECT_EQ(Shake().certificate_pem, second_.certificate_pem);
  EXPECT_EQ(ShakeHands({.port = other.port()}).certificate_pem, second_.certificate_pem);
}

TEST_F(TlsCredentialsTest, IsReplacedWhileConnectionsCome) {
  Start(Options(first_));
  std::atomic<bool> done{false};
  std::thread replaces([&] {
    for (int i = 0; !done; ++i) {
      EXPECT_TRUE(credentials_->Replace(Options(i % 2 == 0 ? second_ : first_)).ok());
    }
  });
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Shake().accepted);
  done = true;
  replaces.join();
}

TEST_F(TlsCredentialsTest, ABadIdentityChangesNothing) {
  Start(Options(first_));
  const WallTime expiry = credentials_->expiry();
  const TestIdentity expired = MakeTestIdentity({.ends_sec = -60});
  EXPECT_THAT(credentials_->Replace(Options(expired)).message(), HasSubstr("expired at"));
  EXPECT_EQ(ErrorCodeOf(credentials_->Replace({"", "", ""})), ErrorCode::kBadArgument);
  EXPECT_THAT(credentials_->Replace(Options(second_, authority_.certificate_pem)).message(),
              HasSubstr("cannot be turned on or off while the server runs"));
  EXPECT_EQ(Shake().certificate_pem, first_.certificate_pem);
  EXPECT_EQ(credentials_->expiry(), expiry);
  EXPECT_FALSE(TlsCredentials::Make(Options(expired), &clock_).ok());
}

TEST_F(TlsCredentialsTest, LetsInOnlyWhomAnAuthorityHasSigned) {
  const TestIdentity old_authority = MakeTestIdentity({.ends_sec = -60});
  Start(Options(first_, old_authority.certificate_pem + authority_.certificate_pem));
  const TestIdentity client = MakeTestIdentity({.is_authority = false}, &authority_);
  const TestIdentity stranger = MakeTestIdentity({.is_authority = false}, &second_);
  const TestIdentity expired =
      MakeTestIdentity({.is_authority = false, .ends_sec = -60}, &authority_);
  const TestIdentity early =
      MakeTestIdentity({.is_authority = false, .begins_sec = 1800}, &authority_);
  const TestIdentity for_servers =
      MakeTestIdentity({.extended_key_usage = "serverAuth", .is_authority = false}, &authority_);
  const TestIdentity of_old = MakeTestIdentity({.is_authority = false}, &old_authority);
  EXPECT_TRUE(LetsIn(&client));
  for (const TestIdentity* identity : {static_cast<const TestIdentity*>(nullptr), &stranger,
                                       &expired, &early, &for_servers, &of_old, &second_}) {
    EXPECT_FALSE(LetsIn(identity));
  }
  EXPECT_TRUE(LetsIn(&client));
}

TEST_F(TlsCredentialsTest, AuthoritiesAreReplacedToo) {
  Start(Options(first_, authority_.certificate_pem));
  const TestIdentity client = MakeTestIdentity({.is_authority = false}, &authority_);
  const TestIdentity other = MakeTestIdentity({.common_name = "Other authority"});
  const TestIdentity new_client = MakeTestIdentity({.is_authority = false}, &other);
  EXPECT_TRUE(LetsIn(&client));
  EXPECT_FALSE(LetsIn(&new_client));
  ASSERT_TRUE(credentials_->Replace(Options(first_, other.certificate_pem)).ok());
  EXPECT_FALSE(LetsIn(&client));
  EXPECT_TRUE(LetsIn(&new_client));
  EXPECT_THAT(credentials_->Replace(Options(first_)).message(), HasSubstr("restart it"));
  EXPECT_FALSE(LetsIn(nullptr));
}

TEST_F(TlsCredentialsTest, SpeaksNothingOlderThanTls12) {
  Start(Options(first_));
  const auto accepted = [this](int version) {
    return ShakeHands({.port = server_->port(), .version = version}).accepted;
  };
  EXPECT_FALSE(accepted(TLS1_VERSION));
  EXPECT_FALSE(accepted(TLS1_1_VERSION));
  EXPECT_TRUE(accepted(TLS1_2_VERSION));
  EXPECT_TRUE(accepted(TLS1_3_VERSION));
  // The same after a change, for which gRPC goes another way.
  ASSERT_TRUE(credentials_->Replace(Options(second_)).ok());
  EXPECT_FALSE(accepted(TLS1_1_VERSION));
  EXPECT_TRUE(accepted(TLS1_2_VERSION));
}

TEST_F(TlsCredentialsTest, SpeaksHttp2Only) {
  Start(Options(first_));
  for (const char* protocol : {"", "http/1.1", "h3"}) {
    EXPECT_FALSE(ShakeHands({.port = server_->port(), .protocol = protocol}).accepted) << protocol;
  }
  EXPECT_TRUE(RefusesPlainText(server_->port()));
  EXPECT_TRUE(Shake().accepted);
}

TEST_F(TlsCredentialsTest, EachKindOfKeyServes) {
  for (const char* kind : {"P-256", "P-384", "P-521", "ED25519", "2048"}) {
    const TestIdentity identity = MakeTestIdentity({.key = kind});
    Start(Options(identity));
    EXPECT_EQ(Shake().certificate_pem, identity.certificate_pem) << kind;
    EXPECT_TRUE(Shake().accepted) << kind;
    server_.reset();
  }
}

TEST_F(TlsCredentialsTest, TellsWhoTheClientIs) {
  Start(Options(first_, authority_.certificate_pem));
  const OptionalPeer peer =
      PeerOf({.common_name = "etl",
              .alternative_names = "email:a@example.com,DNS:b.example,IP:10.0.0.1,"
                                   "IP:::1,URI:spiffe://c/d"});
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->subject, "CN=etl");
  EXPECT_EQ(peer->common_name, "etl");
  EXPECT_THAT(peer->alternative_names,
              ElementsAre("b.example", "spiffe://c/d", "10.0.0.1", "::1", "a@example.com"));
}

TEST_F(TlsCredentialsTest, NobodyIsAskedWhoTheyAre) {
  Start(Options(first_));
  EchoClient stream(server_->port(), first_, &second_);
  EXPECT_TRUE(stream.Send("hello"));
  EXPECT_FALSE(server_->last_peer().has_value());
}

TEST_F(TlsCredentialsTest, NamesOfBadWillAreLeftOut) {
  Start(Options(first_, authority_.certificate_pem));
  OptionalPeer peer =
      PeerOf({.common_name = std::string("admin\0.evil", 11),
              .alternative_names = "",
              .change = [](X509* certificate) {
                SetAlternativeName(certificate, GEN_DNS, std::string("admin\0.evil", 11));
              }});
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->common_name, "");
  EXPECT_EQ(peer->subject, "CN=admin\\00.evil");
  EXPECT_THAT(peer->alternative_names, IsEmpty());
  peer = PeerOf({.common_name = "etl", .change = [](X509* certificate) {
                   SetAlternativeName(certificate, GEN_URI, std::string(1025, 'x'));
                 }});
  ASSERT_TRUE(peer.has_value());
  EXPECT_THAT(peer->alternative_names, IsEmpty());
}

TEST_F(TlsCredentialsTest, MalformedNamesDoNotEndTheServer) {
  Start(Options(first_, authority_.certificate_pem));
  const auto bad_address = [](X509* certificate) {
    SetAlternativeName(certificate, GEN_IPADD, "12345");
  };
  const auto no_text = [](X509* certificate) {
    const unsigned char text[] = "bits";
    X509_NAME* subject = X509_NAME_new();
    X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_BIT_STRING, text, 4, -1, 0);
    ASSERT_EQ(X509_set_subject_name(certificate, subject), 1);
    X509_NAME_free(subject);
  };
  for (int round = 0; round < 2; ++round) {
    for (const std::function<void(X509*)>& change :
         std::vector<std::function<void(X509*)>>{bad_address, no_text}) {
      EXPECT_FALSE(PeerOf({.alternative_names = "", .change = change}).has_value());
    }
    EXPECT_TRUE(PeerOf({}).has_value());
    // A new identity is guarded, too.
    ASSERT_TRUE(credentials_
                    ->Replace({first_.certificate_pem, first_.private_key_pem,
                               authority_.certificate_pem + second_.certificate_pem})
                    .ok());
  }
}

}  // namespace
}  // namespace longbow::transport
