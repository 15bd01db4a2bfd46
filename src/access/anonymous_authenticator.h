/// \file
/// No authentication: everybody gets in, by the name of nobody.
#pragma once

#include <memory>

#include <arrow/result.h>

#include <longbow/authenticator.h>

namespace longbow::access {

/// Gives `anonymous` with the identity `anonymous`, and those of the certificate where the client
/// has shown one. Thread-safe; nothing blocks; never an error.
class AnonymousAuthenticator : public Authenticator {
 public:
  AnonymousAuthenticator();

  bool blocks() const override { return false; }
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) override;

 private:
  std::shared_ptr<const Principal> anonymous_;
};

}  // namespace longbow::access
