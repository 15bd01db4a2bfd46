/// \file
/// Certificates for tests of TLS, made when they are needed.
#pragma once

#include <string>

namespace longbow::telemetry {

/// A certificate of `localhost` and 127.0.0.1 that signs itself, and its key, as PEM files in a
/// folder of their own; removed at the end.
class TestCertificate {
 public:
  TestCertificate();
  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string certificate_file() const { return folder_ + "/cert.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_;
};

}  // namespace longbow::telemetry
