/// \file
/// Who a client is by its certificate. A pure function, for any thread.
#pragma once

#include <optional>

#include <longbow/call_context.h>

namespace grpc {
class AuthContext;
class ServerContextBase;
}  // namespace grpc

namespace longbow::transport {

/// The certificate that the client of `context`'s call has shown, and gRPC has checked; nothing
/// where it has shown none. Cheap then.
///
/// Names are taken whole or not at all, because part of a name is another name: what is longer than
/// 1 KiB, has control characters (a zero byte is one) or is no UTF-8 is left out, and so are the
/// alternative names after the 64th. In the subject, control characters and all beyond ASCII are
/// written as `\0A`, as RFC 2253 says. A certificate with several common names has none.
std::optional<PeerCertificate> ReadPeerCertificate(const grpc::ServerContextBase& context);

/// The same, of what gRPC knows about a connection.
std::optional<PeerCertificate> ReadPeerCertificate(const grpc::AuthContext& context);

}  // namespace longbow::transport
