#include "transport/tls_test_client.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/descriptor.h"

namespace longbow::transport {
namespace {

constexpr int kMaxWaitSec = 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

Descriptor Connect(int port) {
  Descriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{kMaxWaitSec, 0};
  setsockopt(connection.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(connection.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  return connection;
}

Bio Memory(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free_all};
}

Context MakeContext(const TestHandshake& handshake) {
  Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  // What is refused is to be the server's doing.
  SSL_CTX_set_security_level(context.get(), 0);
  if (handshake.version != 0) {
    SSL_CTX_set_min_proto_version(context.get(), handshake.version);
    SSL_CTX_set_max_proto_version(context.get(), handshake.version);
  }
  if (!handshake.protocol.empty()) {
    const std::string list = static_cast<char>(handshake.protocol.size()) + handshake.protocol;
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
  }
  if (handshake.identity != nullptr) {
    const Certificate certificate(
        PEM_read_bio_X509(Memory(handshake.identity->certificate_pem).get(), nullptr, nullptr,
                          nullptr),
        &X509_free);
    const Key key(PEM_read_bio_PrivateKey(Memory(handshake.identity->private_key_pem).get(),
                                          nullptr, nullptr, nullptr),
                  &EVP_PKEY_free);
    SSL_CTX_use_certificate(context.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
  }
  return context;
}

std::string PemOf(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

TestHandshakeResult ShakeHands(const TestHandshake& handshake) {
  TestHandshakeResult result;
  const Descriptor connection = Connect(handshake.port);
  const Context context = MakeContext(handshake);
  const Session session(SSL_new(context.get()), &SSL_free);
  if (connection.fd() < 0 || SSL_set_fd(session.get(), connection.fd()) != 1) return result;
  if (SSL_connect(session.get()) != 1) return result;
  const Certificate certificate(SSL_get1_peer_certificate(session.get()), &X509_free);
  if (certificate) result.certificate_pem = PemOf(certificate.get());
  // gRPC's servers send their settings without waiting for the client's.
  char byte = 0;
  result.accepted = SSL_read(session.get(), &byte, 1) == 1;
  return result;
}

bool RefusesPlainText(int port) {
  const Descriptor connection = Connect(port);
  if (connection.fd() < 0) return false;
  constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  if (send(connection.fd(), kPreface.data(), kPreface.size(), MSG_NOSIGNAL) < 0) return true;
  // Nothing but a TLS alert (21), and then the end.
  char bytes[256];
  bool only_alerts = true;
  ssize_t size = 0;
  while ((size = recv(connection.fd(), bytes, sizeof(bytes), 0)) > 0) {
    only_alerts = only_alerts && bytes[0] == 21;
  }
  const bool ended = size == 0 || errno == ECONNRESET;
  return ended && only_alerts;
}

}  // namespace longbow::transport
