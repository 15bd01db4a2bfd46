// Tokens and keys. The first byte chooses: the others are a token as it is sent, the claims or the
// header of one that is signed well, or a key set or PEM text. Whatever it is, the answer is a
// principal that can be shown, or an error that can.

#include <array>
#include <memory>
#include <string>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <longbow/testing/fake_clock.h>

#include "access/fake_call_context.h"
#include "access/identity.h"
#include "access/jwt_authenticator.h"
#include "access/jwt_keys.h"
#include "base/base64.h"
#include "require.h"

namespace longbow::fuzz {
namespace {

using access::JwtKeys;
using Kind = access::JwtKeySource::Kind;

constexpr std::string_view kSecret = "an-hmac-secret-for-the-fuzz-target";

std::string PublicPem(EVP_PKEY* key) {
  Require(key != nullptr, "a key is made");
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio, &data));
  std::string pem(data, size);
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

std::shared_ptr<const JwtKeys> MakeKeys() {
  auto keys = JwtKeys::Make({{Kind::kPem, "rsa", PublicPem(EVP_RSA_gen(2048))},
                             {Kind::kPem, "ec", PublicPem(EVP_EC_gen("P-256"))},
                             {Kind::kSecret, "secret", std::string(kSecret)}});
  Require(keys.ok(), "good keys are taken: " + keys.status().ToString());
  return *keys;
}

std::string Base64Url(std::string_view bytes) {
  std::string text = EncodeBase64(bytes);
  for (char& c : text) c = c == '+' ? '-' : (c == '/' ? '_' : c);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string Sign(std::string_view header, std::string_view claims) {
  const std::string input = Base64Url(header) + "." + Base64Url(claims);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest, &size);
  return input + "." + Base64Url({reinterpret_cast<const char*>(digest), size});
}

class Target {
 public:
  Target() : keys_(MakeKeys()) {
    auto made = access::JwtAuthenticator::Make({}, keys_, &clock_);
    Require(made.ok(), "the usual options are taken");
    authenticator_ = std::move(*made);
  }

  void CheckToken(std::string_view token) {
    const access::FakeCallContext call{{"authorization", "Bearer " + std::string(token)}};
    const auto first = authenticator_->Authenticate(call);
    const auto second = authenticator_->Authenticate(call);
    Require(first.ok() == second.ok(), "what is remembered makes no difference");
    if (!first.ok()) return RequireShowable(first.status(), ErrorCode::kUnauthenticated);
    const Principal& principal = **first;
    Require(access::IsPlainText(principal.name, access::kMaxNameBytes), "a name can be shown");
    Require(principal.identities.size() <= access::kMaxIdentities, "identities have a limit");
    for (const std::string& identity : principal.identities) {
      Require(access::IsPlainText(identity, 2 * access::kMaxIdentityValueBytes),
              "an identity can be shown: " + identity);
    }
  }

  static void CheckKeys(Kind kind, std::string_view text) {
    const auto keys = JwtKeys::Make({{kind, "fuzz", std::string(text)}});
    if (!keys.ok()) return RequireShowable(keys.status(), ErrorCode::kBadArgument);
    Require((*keys)->size() > 0, "keys that are taken are some");
    RequireShowable((*keys)->Verify("a.b.c").status(), ErrorCode::kUnauthenticated);
  }

  // The numbers are those of the seeds.
  void Check(uint8_t kind, std::string_view text) {
    constexpr std::string_view kHeader = R"({"alg":"HS256"})";
    constexpr std::string_view kClaims = R"({"sub":"anna","exp":1767225660})";
    switch (kind % 5) {
      case 0:
        return CheckToken(text);
      case 1:
        return CheckToken(Sign(kHeader, text));
      case 2:
        return CheckToken(Sign(text, kClaims));
      case 3:
        return CheckKeys(Kind::kJwks, text);
      default:
        return CheckKeys(Kind::kPem, text);
    }
  }

 private:
  testing::FakeClock clock_;
  const std::shared_ptr<const JwtKeys> keys_;
  std::unique_ptr<access::JwtAuthenticator> authenticator_;
};

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static longbow::fuzz::Target target;
  if (size > 0) target.Check(data[0], longbow::fuzz::TextOf(data + 1, size - 1));
  return 0;
}
