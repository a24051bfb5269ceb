#include <cstdio>
#include <iostream>
#include <string>

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include "app/command.h"
#include "server/password.h"

namespace nextgen_kernels {
namespace {

const CommandSyntax& syntax() {
  static const CommandSyntax instance{
      .program = "nextgen-kernels password",
      .summary =
          "Asks for a password, or reads one line of standard input, and prints its hash.\n"
          "Put it into the configuration, as IdentityProvider.hashed_password."};
  return instance;
}

/// Keeps what is typed off the screen, as long as it lives.
class NoEcho {
 public:
  NoEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_set_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (is_set_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool is_set_ = false;
};

std::string ask(std::string_view prompt) {
  fmt::print(stderr, "{}", prompt);
  const NoEcho no_echo;
  std::string line;
  std::getline(std::cin, line);
  fmt::print(stderr, "\n");
  return line;
}

Result<std::string> read_password() {
  std::string password;
  if (::isatty(STDIN_FILENO) == 0) {
    std::getline(std::cin, password);
  } else {
    password = ask("Password: ");
    if (ask("Again: ") != password)
      return make_error(ErrorCode::invalid_argument, "The two passwords differ");
  }
  if (password.empty()) return make_error(ErrorCode::invalid_argument, "An empty password lets everybody in");
  return password;
}

}  // namespace

ExitCode run_password(const CommandInvocation& invocation) {
  auto prepared = prepare_command(invocation, syntax());
  if (!prepared) return prepared.error();
  if (!prepared->line.arguments.empty()) {
    return report_failure({ErrorCode::invalid_argument,
                           "A password on the command line can be seen by others: type it, or pipe it in"});
  }
  const auto password = read_password();
  if (!password) return report_failure(password.error());
  const auto hash = hash_password(*password);
  if (!hash) return report_failure(hash.error());
  fmt::print("{}\n", *hash);
  return ExitCode::success;
}

}  // namespace nextgen_kernels
