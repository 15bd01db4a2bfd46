#include "transport/grpc_log.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpc/support/log.h>

namespace longbow::transport {
namespace {

/// gRPC takes a plain function and no argument with it, so that there can be but one of these.
class Sink {
 public:
  static Sink& Get() {
    // Never destroyed: gRPC's threads log until the process ends.
    static Sink* const sink = new Sink();
    return *sink;
  }

  void Add(const GrpcLog* owner, Logger* logger) {
    std::lock_guard lock(mutex_);
    if (loggers_.empty()) gpr_set_log_function([](gpr_log_func_args* line) { Get().Take(*line); });
    loggers_.emplace_back(owner, logger);
  }

  void Remove(const GrpcLog* owner) {
    std::lock_guard lock(mutex_);
    std::erase_if(loggers_, [owner](const auto& entry) { return entry.first == owner; });
  }

 private:
  void Take(const gpr_log_func_args& line) {
    // Held while the line is written: the logger may go as soon as it is given up.
    std::lock_guard lock(mutex_);
    Logger* const logger = loggers_.empty() ? nullptr : loggers_.back().second;
    if (logger == nullptr || line.severity != GPR_LOG_SEVERITY_ERROR) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
      if (left_out_ > 0) {
        logger->Warning("gRPC wrote more lines, which were left out",
                        {{"lines", std::to_string(left_out_)}});
      }
      second_began_ = now;
      lines_ = left_out_ = 0;
    }
    if (++lines_ > GrpcLog::kMostLinesPerSec) {
      ++left_out_;
      return;
    }
    const char* slash = std::strrchr(line.file, '/');
    logger->Warning("gRPC: " + std::string(line.message),
                    {{"source", std::string(slash == nullptr ? line.file : slash + 1) + ":" +
                                    std::to_string(line.line)}});
  }

  std::mutex mutex_;
  std::vector<std::pair<const GrpcLog*, Logger*>> loggers_;
  std::chrono::steady_clock::time_point second_began_;
  int lines_ = 0;
  int left_out_ = 0;
};

}  // namespace

GrpcLog::GrpcLog(Logger* logger) { Sink::Get().Add(this, logger); }

GrpcLog::~GrpcLog() { Sink::Get().Remove(this); }

}  // namespace longbow::transport
