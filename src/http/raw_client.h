/// \file
/// For tests: a client that sends any bytes to a port of 127.0.0.1, and reads what comes back. Not
/// thread-safe. Waits are long, for machines that are busy, and end a test that would hang.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace longbow::http {

/// A response as it came.
struct RawResponse {
  int status = 0;                              ///< 0: the connection ended before there was one
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class RawClient {
 public:
  explicit RawClient(int port);
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient();

  /// False where the server has closed the connection.
  bool Send(std::string_view bytes);
  /// The next response. `has_body`: false for one to HEAD.
  RawResponse Read(bool has_body = true);
  /// Sends a request and reads the response. `headers`: whole lines, each with its end.
  RawResponse Ask(std::string_view method, std::string_view target, std::string_view headers = {},
                  std::string_view body = {});
  /// Waits until the server ends the connection. False where it does not within 30 s.
  bool WaitForEnd();
  /// Takes no more than a few bytes from now on, so that a long response gets stuck.
  void ShrinkReceiveBuffer();

 private:
  /// Reads more into `received_`. False at the end.
  bool ReadMore();

  int socket_ = -1;
  std::string received_;
};

/// A request on a connection of its own.
RawResponse AskOnce(int port, std::string_view method, std::string_view target,
                    std::string_view headers = {}, std::string_view body = {});

}  // namespace longbow::http
