/// \file
/// One request and its response, as libmicrohttpd tells of them piece by piece. Not thread-safe:
/// each belongs to a connection, and all pieces of it come on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http_message.h"
#include "http/router.h"

namespace longbow::http {

/// The request line and headers as they came.
struct ReceivedHead {
  std::string method;
  std::string target;  ///< not decoded
  /// In the order in which they came, with their names as written.
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Life: `Begin`, `AddBody` for each piece, `Finish`.
class Exchange {
 public:
  /// `router` outlives it.
  Exchange(const Router* router, int64_t max_request_bytes);

  /// A refusal, for which the body need not be read; nothing where the body may come.
  std::optional<HttpResponse> Begin(ReceivedHead head);
  /// False: the connection is not worth reading on.
  bool AddBody(std::string_view bytes);
  /// The answer; the whole body has come.
  HttpResponse Finish();

 private:
  /// Into the request, except `Authorization`; and into `head` what the router looks at.
  void TakeHeaders(const std::vector<std::pair<std::string, std::string>>& headers,
                   RequestHead* head);
  /// That the end of the body is clear, and not too far.
  std::optional<HttpResponse> CheckFraming() const;
  HttpResponse TooLarge() const;

  const Router* const router_;
  const int64_t max_request_bytes_;
  const HttpRoute* route_ = nullptr;
  HttpRequest request_;
  int64_t body_bytes_ = 0;
};

}  // namespace longbow::http
