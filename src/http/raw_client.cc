#include "http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "http/lower_case.h"

namespace longbow::http {
namespace {

constexpr int kPatienceMs = 30'000;

/// Status and headers of the bytes before the empty line.
RawResponse ParseHead(std::string_view head) {
  RawResponse response;
  if (head.size() < 12) return response;
  response.status = std::atoi(std::string(head.substr(9, 3)).c_str());
  size_t begin = head.find("\r\n");
  while (begin != std::string_view::npos) {
    begin += 2;
    const size_t end = head.find("\r\n", begin);
    const std::string_view line = head.substr(begin, end - begin);
    const size_t colon = line.find(": ");
    if (colon != std::string_view::npos) {
      response.headers[LowerCase(line.substr(0, colon))] = std::string(line.substr(colon + 2));
    }
    begin = end;
  }
  return response;
}

}  // namespace

RawClient::RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    close(socket_);
    socket_ = -1;
  }
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), received_(std::move(other.received_)) {}

RawClient::~RawClient() {
  if (socket_ >= 0) close(socket_);
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawClient::ReadMore() {
  if (socket_ < 0) return false;
  pollfd polled{socket_, POLLIN, 0};
  if (poll(&polled, 1, kPatienceMs) <= 0) return false;
  char buffer[64 * 1024];
  const ssize_t got = recv(socket_, buffer, sizeof(buffer), 0);
  if (got <= 0) return false;
  received_.append(buffer, static_cast<size_t>(got));
  return true;
}

RawResponse RawClient::Read(bool has_body) {
  size_t end = received_.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!ReadMore()) return {};
    end = received_.find("\r\n\r\n");
  }
  RawResponse response = ParseHead(std::string_view(received_).substr(0, end));
  received_.erase(0, end + 4);
  const auto length = response.headers.find("content-length");
  if (!has_body || length == response.headers.end()) return response;
  const size_t size = std::stoul(length->second);
  while (received_.size() < size) {
    if (!ReadMore()) return {};
  }
  response.body = received_.substr(0, size);
  received_.erase(0, size);
  return response;
}

RawResponse RawClient::Ask(std::string_view method, std::string_view target,
                           std::string_view headers, std::string_view body) {
  std::string request = std::string(method) + " " + std::string(target) +
                        " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers);
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  Send(request + "\r\n" + std::string(body));
  return Read(method != "HEAD");
}

bool RawClient::WaitForEnd() {
  if (socket_ < 0) return true;
  pollfd polled{socket_, POLLIN, 0};
  while (poll(&polled, 1, kPatienceMs) > 0) {
    char buffer[64 * 1024];
    if (recv(socket_, buffer, sizeof(buffer), 0) <= 0) return true;
  }
  return false;
}

void RawClient::ShrinkReceiveBuffer() {
  const int bytes = 4096;
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

RawResponse AskOnce(int port, std::string_view method, std::string_view target,
                    std::string_view headers, std::string_view body) {
  return RawClient(port).Ask(method, target, headers, body);
}

}  // namespace longbow::http
