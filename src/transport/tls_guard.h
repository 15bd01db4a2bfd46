/// \file
/// Keeps clients' certificates away from gRPC that would end the process. gRPC 1.51 takes it for
/// its own mistake when it cannot read a name in a certificate that has been verified.
#pragma once

namespace longbow::transport {

/// The next TLS context that this thread makes verifies certificates as ever, and then refuses
/// those without `HasReadableNames`. gRPC makes its contexts itself, on the thread that has just
/// got the identity, and shows them to nobody; OpenSSL tells of each new one.
void GuardNextTlsContext();

/// Takes that back, where no context has come.
void GuardNoTlsContext();

}  // namespace longbow::transport
