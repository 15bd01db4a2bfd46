/// \file
/// By which names the endpoint may be asked: the guard against DNS rebinding. Thread-safe.
///
/// A stranger's web page can have its own name resolve to this machine. To the browser, what the
/// page then asks for is the page's own, and the page may read it; but the browser still says in
/// `Host` by which name it came. An address in `Host` is no such name, and nobody but this machine
/// answers to `localhost`.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::http {

/// Among allowed names: any.
inline constexpr std::string_view kAnyHost = "*";

/// Whether it is a name without a port: labels of letters, digits, `-` and `_` with dots between,
/// and one at the end if need be. An IPv4 address is one, too; an IPv6 address is not.
bool IsHostName(std::string_view text);

/// The host of a `Host` header without its port: a name, without the dot at its end and in small
/// letters, or an address, an IPv6 one in brackets. Nothing where it is none of them.
std::optional<std::string> ParseHost(std::string_view header);

/// The names that are allowed. Immutable.
class HostNames {
 public:
  /// What is neither `kAnyHost` nor a host name is never asked for, and passed over.
  explicit HostNames(const std::vector<std::string>& names = {});

  /// \param host as `ParseHost` gives it. Addresses, `localhost` and the names below it are always
  ///   allowed.
  bool Allows(const std::string& host) const;

 private:
  bool any_ = false;
  std::set<std::string> names_;
};

}  // namespace longbow::http
