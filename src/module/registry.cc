#include "module/registry.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include <longbow/error.h>

#include "base/nearest.h"

namespace longbow {
namespace {

arrow::Status Bad(std::string text) { return MakeError(ErrorCode::kBadArgument, std::move(text)); }

bool IsServiceName(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
  }
  return true;
}

bool IsFieldName(std::string_view name) {
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return false;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

arrow::Status CheckDescription(const ServiceDescription& description) {
  if (!IsServiceName(description.name)) {
    return Bad("the service name \"" + description.name +
               "\" must be lower case letters, digits, - and _, at most 64");
  }
  const std::string service = "the service " + description.name;
  if (description.version.empty()) return Bad(service + " has no version");
  if (description.summary.empty()) return Bad(service + " has no summary");
  std::set<std::string> names;
  for (const PayloadField& field : description.fields) {
    if (!IsFieldName(field.name)) {
      return Bad(service + " has a field \"" + field.name + "\", which is not in camelCase");
    }
    if (field.name == "inputs" || field.name == "sink" || field.name == "resultMetadata") {
      return Bad(service + " has a field " + field.name +
                 ", which every payload has; use another name");
    }
    if (field.summary.empty()) return Bad(service + " has no summary of its field " + field.name);
    if (!names.insert(field.name).second) {
      return Bad(service + " declares its field " + field.name + " twice");
    }
  }
  return arrow::Status::OK();
}

// What one module provides.
struct Provided {
  std::map<std::string, std::shared_ptr<Service>, std::less<>> services;
  std::shared_ptr<FlightStore> store;
  std::shared_ptr<Authenticator> authenticator;
  std::vector<std::shared_ptr<FlightMethods>> methods;
};

// Collects for one module, beside what the others have. Keeps the first error, so that a module
// that does not look at the answer fails all the same.
class StagingRegistrar : public Registrar {
 public:
  explicit StagingRegistrar(const Registry& registry) : registry_(registry) {}

  arrow::Status AddService(std::shared_ptr<Service> service) override {
    return Keep(Add(std::move(service)));
  }

  arrow::Status SetFlightStore(std::shared_ptr<FlightStore> store) override {
    if (store == nullptr) return Keep(Bad("it registers a null store"));
    if (staged_.store != nullptr || registry_.store() != nullptr) {
      return Keep(MakeError(ErrorCode::kAlreadyExists,
                            "a node has one store of flights, and there is one; load only one of "
                            "the modules that provide a store"));
    }
    staged_.store = std::move(store);
    return arrow::Status::OK();
  }

  arrow::Status AddFlightMethods(std::shared_ptr<FlightMethods> methods) override {
    if (methods == nullptr) return Keep(Bad("it registers null Flight methods"));
    staged_.methods.push_back(std::move(methods));
    return arrow::Status::OK();
  }

  arrow::Status SetAuthenticator(std::shared_ptr<Authenticator> authenticator) override {
    if (authenticator == nullptr) return Keep(Bad("it registers a null authenticator"));
    if (staged_.authenticator != nullptr || registry_.authenticator() != nullptr) {
      return Keep(MakeError(ErrorCode::kAlreadyExists,
                            "a node has one authenticator of a module, and there is one; load only "
                            "one of the modules that bring one"));
    }
    staged_.authenticator = std::move(authenticator);
    return arrow::Status::OK();
  }

  const arrow::Status& first_error() const { return first_error_; }
  Provided& staged() { return staged_; }

 private:
  arrow::Status Add(std::shared_ptr<Service> service) {
    if (service == nullptr) return Bad("it registers a null service");
    const ServiceDescription& description = service->description();
    ARROW_RETURN_NOT_OK(CheckDescription(description));
    if (staged_.services.count(description.name) > 0) {
      return MakeError(ErrorCode::kAlreadyExists,
                       "it registers the service " + description.name + " twice");
    }
    if (registry_.FindService(description.name) != nullptr) {
      return MakeError(ErrorCode::kAlreadyExists,
                       "another module has the service " + description.name +
                           " already; load only one of them, or rename the service");
    }
    staged_.services.emplace(description.name, std::move(service));
    return arrow::Status::OK();
  }

  arrow::Status Keep(arrow::Status status) {
    if (first_error_.ok()) first_error_ = status;
    return status;
  }

  const Registry& registry_;
  Provided staged_;
  arrow::Status first_error_;
};

class MapRegistry : public Registry {
 public:
  arrow::Status Register(const std::string& module_name, Module& module,
                         const ModuleContext& context) override {
    if (FindModule(module_name) != nullptr) {
      return MakeError(ErrorCode::kAlreadyExists, "The module " + module_name +
                                                      " is refused: it is loaded already; name it "
                                                      "only once");
    }
    StagingRegistrar registrar(*this);
    arrow::Status status = CallRegister(module, context, registrar);
    if (status.ok()) status = registrar.first_error();
    if (!status.ok()) {
      // WithMessage keeps the code and the detail.
      return status.WithMessage("The module ", module_name, " is refused: ", status.message());
    }
    modules_.emplace_back(module_name, std::move(registrar.staged()));
    CollectMethods();
    return arrow::Status::OK();
  }

  void Remove(const std::string& module_name) override {
    modules_.erase(std::remove_if(modules_.begin(), modules_.end(),
                                  [&](const auto& entry) { return entry.first == module_name; }),
                   modules_.end());
    CollectMethods();
  }

  std::shared_ptr<Service> FindService(std::string_view name) const override {
    for (const auto& [module, provided] : modules_) {
      auto it = provided.services.find(name);
      if (it != provided.services.end()) return it->second;
    }
    return nullptr;
  }

  std::vector<std::shared_ptr<Service>> services() const override {
    std::map<std::string, std::shared_ptr<Service>> sorted;
    for (const auto& [module, provided] : modules_) {
      sorted.insert(provided.services.begin(), provided.services.end());
    }
    std::vector<std::shared_ptr<Service>> services;
    for (auto& [name, service] : sorted) services.push_back(std::move(service));
    return services;
  }

  std::shared_ptr<FlightStore> store() const override {
    for (const auto& [module, provided] : modules_) {
      if (provided.store != nullptr) return provided.store;
    }
    return nullptr;
  }

  std::shared_ptr<Authenticator> authenticator() const override {
    for (const auto& [module, provided] : modules_) {
      if (provided.authenticator != nullptr) return provided.authenticator;
    }
    return nullptr;
  }

  const std::vector<std::shared_ptr<FlightMethods>>& methods() const override { return methods_; }

  std::string NearestService(std::string_view name) const override {
    std::vector<std::string> known;
    for (const auto& [module, provided] : modules_) {
      for (const auto& [service, object] : provided.services) known.push_back(service);
    }
    return NearestName(name, known);
  }

 private:
  static arrow::Status CallRegister(Module& module, const ModuleContext& context,
                                    Registrar& registrar) {
    try {
      return module.Register(context, registrar);
    } catch (const std::exception& error) {
      return MakeError(ErrorCode::kInternalError,
                       std::string("registering it threw an exception: ") + error.what() +
                           "; this is a bug of the module, leave it out or ask its author");
    } catch (...) {
      return MakeError(ErrorCode::kInternalError,
                       "registering it threw an exception; this is a bug of the module, leave it "
                       "out or ask its author");
    }
  }

  const Provided* FindModule(const std::string& name) const {
    for (const auto& [module, provided] : modules_) {
      if (module == name) return &provided;
    }
    return nullptr;
  }

  void CollectMethods() {
    methods_.clear();
    for (const auto& [module, provided] : modules_) {
      methods_.insert(methods_.end(), provided.methods.begin(), provided.methods.end());
    }
  }

  // Few modules with few services each: a list in the order of registration serves all look-ups.
  std::vector<std::pair<std::string, Provided>> modules_;
  std::vector<std::shared_ptr<FlightMethods>> methods_;
};

}  // namespace

std::unique_ptr<Registry> Registry::Make() { return std::make_unique<MapRegistry>(); }

}  // namespace longbow
