// Load that does not wait for the server: commands that are due at a fixed rate, however long the
// others take. For the measurement of what a node does under more than it can carry.
//
// Usage: paced_load URI COMMAND RATE SECONDS THREADS
//   RATE 0: each thread is a client that sends its next command when it has the last one's result.
//   Else so many commands are due per second, and the next free thread sends the next one; with too
//   few threads, or too slow a machine, they are sent late, which is told.
// A command is GetFlightInfo, and DoGet of all of its result. Prints a line for each: when it was
// due (microseconds since the start), how late it was sent, how long after it was due it ended, how
// long the last call took, and `ok`, `refused` (BACKPRESSURE) or `failed`.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/flight/api.h>

namespace {

namespace fl = arrow::flight;
using Clock = std::chrono::steady_clock;

// BACKPRESSURE with its advice to try again, as the error's JSON has it.
constexpr char kRefused[] = "196710";
constexpr size_t kThreadsPerConnection = 8;

struct Load {
  std::string uri;
  std::string command;
  double rate = 0;
  double seconds = 1;
  size_t threads = 1;
};

struct Sample {
  int64_t due_us = 0;
  int64_t late_us = 0;
  int64_t total_us = 0;
  int64_t last_call_us = 0;
  const char* outcome = "ok";
};

int64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

const char* OutcomeOf(const arrow::Status& status) {
  if (status.ok()) return "ok";
  const auto detail = fl::FlightStatusDetail::UnwrapStatus(status);
  const bool refused =
      detail != nullptr && detail->extra_info().find(kRefused) != std::string::npos;
  if (!refused) std::cerr << status.ToString() << '\n';
  return refused ? "refused" : "failed";
}

class Client {
 public:
  static arrow::Result<std::unique_ptr<Client>> Make(const Load& load) {
    auto client = std::unique_ptr<Client>(new Client());
    client->descriptor_ = fl::FlightDescriptor::Command(load.command);
    ARROW_ASSIGN_OR_RAISE(auto location, fl::Location::Parse(load.uri));
    auto options = fl::FlightClientOptions::Defaults();
    // Else all clients of a process would have one connection.
    options.generic_options.emplace_back("grpc.use_local_subchannel_pool", 1);
    ARROW_ASSIGN_OR_RAISE(client->client_, fl::FlightClient::Connect(location, options));
    return client;
  }

  /// `call_began`: when the last call of it was sent.
  arrow::Status Run(Clock::time_point* call_began) {
    *call_began = Clock::now();
    ARROW_ASSIGN_OR_RAISE(auto info, client_->GetFlightInfo(descriptor_));
    if (info->endpoints().empty()) return arrow::Status::Invalid("no endpoint");
    *call_began = Clock::now();
    ARROW_ASSIGN_OR_RAISE(auto reader, client_->DoGet(info->endpoints().front().ticket));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto chunk, reader->Next());
      if (!chunk.data) return arrow::Status::OK();
    }
  }

 private:
  std::unique_ptr<fl::FlightClient> client_;
  fl::FlightDescriptor descriptor_;
};

// What the threads share.
struct Schedule {
  const Load load;
  const Clock::time_point begin;
  std::atomic<int64_t> next{0};

  // When the next command is due; false after the last.
  bool Next(Clock::time_point* due) {
    const double at = load.rate > 0 ? static_cast<double>(next.fetch_add(1)) / load.rate
                                    : std::chrono::duration<double>(Clock::now() - begin).count();
    if (at >= load.seconds) return false;
    *due = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(at));
    return true;
  }
};

void RunThread(Schedule* schedule, Client* client, std::vector<Sample>* samples) {
  Clock::time_point due;
  while (schedule->Next(&due)) {
    std::this_thread::sleep_until(due);
    const auto sent = Clock::now();
    auto call_began = sent;
    const arrow::Status status = client->Run(&call_began);
    const auto ended = Clock::now();
    samples->push_back({Microseconds(due - schedule->begin), Microseconds(sent - due),
                        Microseconds(ended - due), Microseconds(ended - call_began),
                        OutcomeOf(status)});
  }
}

arrow::Status Run(const Load& load) {
  // Where each thread is a client it has a connection; where they only send, some share one.
  const size_t per_connection = load.rate > 0 ? kThreadsPerConnection : 1;
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < load.threads; i += per_connection) {
    ARROW_ASSIGN_OR_RAISE(auto client, Client::Make(load));
    clients.push_back(std::move(client));
  }
  Schedule schedule{load, Clock::now()};
  std::vector<std::vector<Sample>> samples(load.threads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < load.threads; ++i) {
    threads.emplace_back(RunThread, &schedule, clients[i / per_connection].get(), &samples[i]);
  }
  for (auto& thread : threads) thread.join();
  for (const auto& of_thread : samples) {
    for (const Sample& s : of_thread) {
      std::printf("%lld %lld %lld %lld %s\n", static_cast<long long>(s.due_us),
                  static_cast<long long>(s.late_us), static_cast<long long>(s.total_us),
                  static_cast<long long>(s.last_call_us), s.outcome);
    }
  }
  return arrow::Status::OK();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: paced_load URI COMMAND RATE SECONDS THREADS\n";
    return 2;
  }
  const Load load{argv[1], argv[2], std::stod(argv[3]), std::stod(argv[4]),
                  static_cast<size_t>(std::max(1, std::stoi(argv[5])))};
  const arrow::Status status = Run(load);
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
