/// \file
/// A client of OpenSSL's that shakes hands and no more, so that a test sees what gRPC's would hide.
#pragma once

#include <string>

#include "transport/tls_test_identity.h"

namespace longbow::transport {

struct TestHandshake {
  int port = 0;
  const TestIdentity* identity = nullptr;  ///< the client's; null: it shows none
  int version = 0;                         ///< of TLS, as OpenSSL numbers them; 0: any
  std::string protocol = "h2";             ///< for ALPN; empty: none is named
};

struct TestHandshakeResult {
  /// Whether the server has begun to speak HTTP/2: it says nothing before it has agreed.
  bool accepted = false;
  std::string certificate_pem;  ///< the server's; empty where it came to none
};

/// Blocks, for some seconds where the server says nothing.
TestHandshakeResult ShakeHands(const TestHandshake& handshake);

/// Whether a server closes the connection of a client that speaks HTTP/2 without TLS.
bool RefusesPlainText(int port);

}  // namespace longbow::transport
