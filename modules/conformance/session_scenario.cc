#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <arrow/buffer.h>
#include <longbow/error.h>

#include "answers.h"
#include "scenarios.h"

namespace longbow::conformance {
namespace {

using arrow::flight::Action;
using arrow::flight::SetSessionOptionErrorValue;

constexpr std::string_view kCookie = "arrow_flight_session_id";
/// As a name or as a value: what this server refuses.
constexpr std::string_view kInvalid = "lol_invalid";

using Options = std::map<std::string, arrow::flight::SessionOptionValue>;

/// The value of the session's cookie among `name=value; name=value`; empty where there is none.
std::string SessionCookie(std::string_view cookies) {
  while (!cookies.empty()) {
    const size_t end = std::min(cookies.find(';'), cookies.size());
    std::string_view one = cookies.substr(0, end);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    const size_t equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == kCookie) {
      return std::string(one.substr(equals + 1));
    }
  }
  return "";
}

class SessionScenario : public FlightMethods {
 public:
  ActionResults DoAction(CallContext& context, const Action& action) override {
    std::lock_guard lock(mutex_);
    if (action.type == "SetSessionOptions") return Set(SessionOf(context), BodyOf(action));
    if (action.type == "GetSessionOptions") {
      return OneResult(arrow::flight::GetSessionOptionsResult(SessionOf(context)));
    }
    if (action.type == "CloseSession") return Close(context);
    return NotHandled();
  }

 private:
  /// The caller's session; a new one, with its cookie in the answer, for who brings none.
  Options& SessionOf(CallContext& context) {
    const auto found = sessions_.find(SessionCookie(context.FindHeader("cookie").value_or("")));
    if (found != sessions_.end()) return found->second;
    const std::string id = std::to_string(++last_id_);
    context.AddResponseHeader("set-cookie", std::string(kCookie) + "=" + id);
    return sessions_[id];
  }

  static ActionResults Set(Options& session, const std::string& body) {
    ARROW_ASSIGN_OR_RAISE(auto request, arrow::flight::SetSessionOptionsRequest::Deserialize(body));
    arrow::flight::SetSessionOptionsResult result;
    for (auto& [name, value] : request.session_options) {
      const auto* text = std::get_if<std::string>(&value);
      if (name == kInvalid) {
        result.errors[name] = {SetSessionOptionErrorValue::kInvalidName};
      } else if (text != nullptr && *text == kInvalid) {
        result.errors[name] = {SetSessionOptionErrorValue::kInvalidValue};
      } else if (std::holds_alternative<std::monostate>(value)) {
        session.erase(name);
      } else {
        session[name] = std::move(value);
      }
    }
    return OneResult(result);
  }

  ActionResults Close(CallContext& context) {
    const std::string id = SessionCookie(context.FindHeader("cookie").value_or(""));
    if (sessions_.erase(id) == 0) {
      return MakeError(ErrorCode::kNotFound, "there is no session to close");
    }
    context.AddResponseHeader("set-cookie", std::string(kCookie) + "=; Max-Age=0");
    return OneResult(arrow::flight::CloseSessionResult(arrow::flight::CloseSessionStatus::kClosed));
  }

  std::mutex mutex_;
  std::map<std::string, Options> sessions_;
  int64_t last_id_ = 0;
};

}  // namespace

std::shared_ptr<FlightMethods> MakeSessionScenario() { return std::make_shared<SessionScenario>(); }

}  // namespace longbow::conformance
