// A module for the end-to-end tests: a verifier of its own, which lets everybody in who shows a
// badge, and misbehaves where the badge tells it to. Its setting says whether it may block.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using longbow::ErrorCode;
using longbow::MakeError;
using longbow::Principal;

constexpr std::chrono::milliseconds kLookInterval{5};
/// In front of the badge of somebody who waits at the door until there is a file.
constexpr std::string_view kWaits = "waits:";

class Bouncer : public longbow::Authenticator {
 public:
  explicit Bouncer(bool blocks) : blocks_(blocks) {}

  bool blocks() const override { return blocks_; }

  arrow::Result<std::shared_ptr<const Principal>> Authenticate(
      const longbow::CallContext& call) override {
    if (call.headers().count("x-badge") != 1) {
      return MakeError(ErrorCode::kUnauthenticated, "show one badge");
    }
    std::string name(*call.FindHeader("x-badge"));
    if (name == "throws") throw std::runtime_error("the bouncer has fallen over");
    if (name == "null") return std::shared_ptr<const Principal>();
    if (name == "busy") return MakeError(ErrorCode::kBackpressure, "the bouncer is busy");
    if (name.starts_with(kWaits)) {
      const std::string file = name.substr(kWaits.size());
      call.logger().Info("somebody waits at the door");
      while (access(file.c_str(), F_OK) != 0) std::this_thread::sleep_for(kLookInterval);
      name = "waited";
    }
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos) {
      return MakeError(ErrorCode::kUnauthenticated, "the badge is forged");
    }
    return std::make_shared<const Principal>(
        Principal{.name = name, .identities = {"x-badge:" + name}});
  }

 private:
  const bool blocks_;
};

class BouncerModule : public longbow::Module {
 public:
  std::vector<longbow::SettingsSection> SettingsSections() const override {
    return {{.name = "bouncer",
             .summary = "A verifier for tests.",
             .settings = {{.name = "blocks",
                           .type = longbow::SettingType::kBool,
                           .default_value = true,
                           .summary = "Whether it may block."}}}};
  }

  arrow::Status Register(const longbow::ModuleContext& context,
                         longbow::Registrar& registrar) override {
    return registrar.SetAuthenticator(
        std::make_shared<Bouncer>(context.settings.GetBool("bouncer", "blocks")));
  }
};

}  // namespace

LONGBOW_MODULE(BouncerModule, "bouncer", "1.0")
