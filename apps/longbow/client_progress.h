/// \file
/// A line on standard error for what takes more than a second, if that is a terminal.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace longbow::client {

/// Shows what is being done until it is destroyed or hidden, from one second on. Thread-safe.
class Progress {
 public:
  /// \param verb what is being done: `running`, `receiving`, `sending`
  /// \param show false: nothing is ever written
  Progress(std::string verb, bool show);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void SetVerb(std::string verb);
  /// From 0 to 1; below 0: not known.
  void SetFraction(double fraction);
  void Add(int64_t rows, int64_t bytes);
  /// Takes the line away for good, before other output.
  void Hide();

 private:
  void Run();
  std::string Line(double elapsed_sec);

  const bool show_;
  std::atomic<int64_t> rows_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<double> fraction_{-1};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string verb_;
  bool stop_ = false;
  std::thread thread_;
};

/// Whether standard error is a terminal that understands more than plain lines.
bool StandardErrorIsTerminal();

}  // namespace longbow::client
