#include <arrow/buffer.h>
#include <longbow/error.h>

#include "answers.h"
#include "scenarios.h"

namespace longbow::conformance {
namespace {

constexpr std::string_view kUser = "arrow";
constexpr std::string_view kPassword = "flight";
/// Where Flight's clients send what the handshake gave them.
constexpr std::string_view kTokenHeader = "auth-token-bin";

class AuthScenario : public FlightMethods {
 public:
  arrow::Result<std::string> Handshake(CallContext&, const std::string& payload) override {
    auto auth = arrow::flight::BasicAuth::Deserialize(payload);
    if (!auth.ok() || auth->username != kUser || auth->password != kPassword) return Refused();
    return std::string(kUser);
  }

  ActionResults DoAction(CallContext& context, const arrow::flight::Action& action) override {
    if (!action.type.empty()) return NotHandled();
    const auto token = context.FindHeader(kTokenHeader);
    if (!token || *token != kUser) return Refused();
    return std::vector<std::shared_ptr<arrow::Buffer>>{
        arrow::Buffer::FromString(std::string(*token))};
  }

 private:
  static arrow::Status Refused() {
    return MakeError(ErrorCode::kUnauthenticated, "this action wants a token",
                     "The handshake gives one to who names the user and password.");
  }
};

}  // namespace

std::shared_ptr<FlightMethods> MakeAuthScenario() { return std::make_shared<AuthScenario>(); }

}  // namespace longbow::conformance
