/// \file
/// Whether the names in a certificate can be read. gRPC ends the whole process when it reads a
/// certificate in which they cannot. A pure function, for any thread.
#pragma once

/// OpenSSL's certificate.
struct x509_st;

namespace longbow::transport {

/// Whether subject and alternative names are what X.509 says: texts in their encoding, addresses of
/// 4 or 16 bytes. Leaves OpenSSL's error queue as it was.
bool HasReadableNames(const x509_st* certificate);

}  // namespace longbow::transport
