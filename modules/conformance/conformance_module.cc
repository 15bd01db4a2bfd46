// The module `conformance`: the canned behaviour of Apache Arrow's cross-language scenarios, for
// clients that check a server of Flight against them.

#include <longbow/module.h>

#include "scenarios.h"

namespace longbow::conformance {

class ConformanceModule : public Module {
 public:
  arrow::Status Register(const ModuleContext& context, Registrar& registrar) override {
    for (auto& scenario :
         {MakeAuthScenario(), MakeMiddlewareScenario(), MakeOrderedScenario(),
          MakeReuseConnectionScenario(), MakeAppMetadataScenario(), MakePollScenario(context.clock),
          MakeExpirationScenario(context.clock), MakeSessionScenario(), MakeUploadScenario()}) {
      ARROW_RETURN_NOT_OK(registrar.AddFlightMethods(scenario));
    }
    return arrow::Status::OK();
  }
};

}  // namespace longbow::conformance

LONGBOW_MODULE(longbow::conformance::ConformanceModule, "conformance", "0.1.0")
