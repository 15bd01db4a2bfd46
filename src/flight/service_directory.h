/// \file
/// What the node can answer with: the services, the store and the raw methods of its modules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/authenticator.h>
#include <longbow/flight_methods.h>
#include <longbow/flight_store.h>
#include <longbow/service.h>

namespace longbow {

/// Does not change while calls are answered. Thread-safe; nothing blocks.
class ServiceDirectory {
 public:
  virtual ~ServiceDirectory() = default;

  /// Null where there is none.
  virtual std::shared_ptr<Service> FindService(std::string_view name) const = 0;
  /// In the order of the names.
  virtual std::vector<std::shared_ptr<Service>> services() const = 0;
  /// Null where no module provides one.
  virtual std::shared_ptr<FlightStore> store() const = 0;
  /// Null where no module provides one.
  virtual std::shared_ptr<Authenticator> authenticator() const = 0;
  /// In the order of registration.
  virtual const std::vector<std::shared_ptr<FlightMethods>>& methods() const = 0;
  /// The nearest registered name, for messages; empty where none is near.
  virtual std::string NearestService(std::string_view name) const = 0;
};

}  // namespace longbow
