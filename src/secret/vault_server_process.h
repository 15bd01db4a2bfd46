/// \file
/// The stand-in of Vault as a child process, for tests.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace longbow::secret {

/// From construction to destruction. Used by one thread.
class VaultServerProcess {
 public:
  explicit VaultServerProcess(std::vector<std::string> arguments = {}) {
    int to_child[2];
    int from_child[2];
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0) std::abort();
    arguments.insert(arguments.begin(), {LONGBOW_TEST_PYTHON, "-B", LONGBOW_VAULT_SERVER});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(to_child[0]);
    close(from_child[1]);
    commands_ = fdopen(to_child[1], "w");
    answers_ = fdopen(from_child[0], "r");
    port_ = ReadAnswer().value("port", 0);
  }
  ~VaultServerProcess() {
    fclose(commands_);  // it ends with its standard input
    fclose(answers_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  VaultServerProcess(const VaultServerProcess&) = delete;
  VaultServerProcess& operator=(const VaultServerProcess&) = delete;

  /// 0 where it did not start.
  int port() const { return port_; }
  /// `{"do": name, arguments...}`; see the stand-in's `Commands`.
  nlohmann::json Do(const std::string& name, nlohmann::json arguments = nlohmann::json::object()) {
    arguments["do"] = name;
    const std::string line = arguments.dump() + "\n";
    fwrite(line.data(), 1, line.size(), commands_);
    fflush(commands_);
    return ReadAnswer();
  }

 private:
  nlohmann::json ReadAnswer() {
    char* line = nullptr;
    size_t capacity = 0;
    const ssize_t size = getline(&line, &capacity, answers_);
    const std::string text(line == nullptr || size < 0 ? "{}" : line);
    free(line);
    return nlohmann::json::parse(text, nullptr, false);
  }

  pid_t pid_ = -1;
  FILE* commands_ = nullptr;
  FILE* answers_ = nullptr;
  int port_ = 0;
};

}  // namespace longbow::secret
