#include "client_progress.h"

#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "display_text.h"

namespace longbow::client {
namespace {

constexpr std::chrono::milliseconds kFirst{1000};
constexpr std::chrono::milliseconds kEvery{200};
constexpr char kEraseLine[] = "\r\x1b[K";

void WriteToStandardError(std::string_view text) {
  // A line of progress that is lost is no loss.
  const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
  (void)ignored;
}

}  // namespace

bool StandardErrorIsTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

Progress::Progress(std::string verb, bool show) : show_(show), verb_(std::move(verb)) {
  if (show_) thread_ = std::thread([this] { Run(); });
}

Progress::~Progress() { Hide(); }

void Progress::SetVerb(std::string verb) {
  std::lock_guard lock(mutex_);
  verb_ = std::move(verb);
}

void Progress::SetFraction(double fraction) { fraction_ = fraction; }

void Progress::Add(int64_t rows, int64_t bytes) {
  rows_ += rows;
  bytes_ += bytes;
}

void Progress::Hide() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string Progress::Line(double elapsed_sec) {
  char buffer[64];
  std::string line = kEraseLine + verb_;
  std::snprintf(buffer, sizeof(buffer), "  %.1f s", elapsed_sec);
  line += buffer;
  if (const double fraction = fraction_; fraction > 0 && fraction < 1) {
    std::snprintf(buffer, sizeof(buffer), "  %.0f %%", fraction * 100);
    line += buffer;
  }
  if (rows_ > 0) {
    std::snprintf(buffer, sizeof(buffer), "  %.1f MB/s",
                  static_cast<double>(bytes_) / 1e6 / elapsed_sec);
    line += "  " + GroupedNumber(rows_) + " rows  " + HumanBytes(bytes_) + buffer;
  }
  return line;
}

void Progress::Run() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  bool shown = false;
  auto wait = kFirst;
  while (!wake_.wait_for(lock, wait, [this] { return stop_; })) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    WriteToStandardError(Line(elapsed.count()));
    shown = true;
    wait = kEvery;
  }
  if (shown) WriteToStandardError(kEraseLine);
}

}  // namespace longbow::client
