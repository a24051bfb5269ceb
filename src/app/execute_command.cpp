#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <tuple>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/code_output.h"
#include "app/command.h"
#include "app/jupyter_connection.h"
#include "base/log.h"
#include "base/random.h"
#include "base/shell.h"
#include "base/strings.h"
#include "journal/request_failure.h"
#include "kernelspecs/kernel_advice.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {
namespace {

const CommandSyntax& syntax() {
  static const CommandSyntax instance{
      .program = "nextgen-kernels execute",
      .summary =
          "Runs code on a kernel and prints what it prints. Ends with 0, or with 1 when the code raised.",
      .options =
          {{.name = "kernel", .value_name = "NAME", .help = "Start a kernel of this kernel spec for it."},
           {.name = "kernel-id", .value_name = "ID", .help = "Run it on this kernel of the server."},
           {.name = "url",
            .value_name = "URL",
            .help = "The server: the URL that it printed, the address of one of its pages, or host:port. "
                    "Without one, a server is started for this run."}},
      .arguments_name = "CODE|FILE|-"};
  return instance;
}

/// What to run, from where it is.
struct Code {
  std::string text;
  bool from_standard_input = false;
};

/// True for what can hardly be meant as code, such as `report.py` or `./analysis/run`.
bool looks_like_path(std::string_view argument) {
  constexpr std::string_view in_paths =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/~+@";
  constexpr std::array<std::string_view, 9> of_code = {".py", ".ipy", ".ipynb", ".r", ".R",
                                                       ".jl", ".js",  ".cpp",   ".sh"};
  if (argument.empty() || argument.find_first_not_of(in_paths) != std::string_view::npos) return false;
  const auto is_prefix = [argument](std::string_view prefix) { return argument.starts_with(prefix); };
  const auto is_suffix = [argument](std::string_view suffix) {
    return argument.size() > suffix.size() && argument.ends_with(suffix);
  };
  return std::ranges::any_of(std::array<std::string_view, 4>{"/", "./", "../", "~/"}, is_prefix) ||
         std::ranges::any_of(of_code, is_suffix);
}

Result<Code> read_code(const std::string& argument) {
  if (argument == "-")
    return Code{.text = {std::istreambuf_iterator<char>(std::cin), {}}, .from_standard_input = true};
  struct stat status{};
  if (::stat(argument.c_str(), &status) != 0) {
    if (!looks_like_path(argument)) return Code{.text = argument};
    if (errno != ENOENT) return make_errno_error("Cannot read", argument, errno);
    return make_error(ErrorCode::not_found,
                      "There is no file {}. If it is meant as code, give it on standard input: echo {} | "
                      "nextgen-kernels execute -",
                      argument, shell_quote(argument));
  }
  if (S_ISDIR(status.st_mode)) {
    if (!looks_like_path(argument)) return Code{.text = argument};
    return make_error(ErrorCode::invalid_argument, "{} is a directory; give a file of code", argument);
  }
  if (argument.ends_with(".ipynb")) {
    return make_error(
        ErrorCode::invalid_argument,
        "{} is a notebook, and this command runs plain code. To run a notebook: jupyter execute {}", argument,
        shell_quote(argument));
  }
  std::ifstream file(argument, std::ios::binary);
  if (!file) return make_errno_error("Cannot read", argument, errno);
  return Code{.text = {std::istreambuf_iterator<char>(file), {}}};
}

/// One execution on one kernel of a server.
class Execution {
 public:
  Execution(asio::io_context& loop, const CommandLine& line, ServerUrl url, Code code)
      : connection_(loop.get_executor(), std::move(url)),
        interrupts_(loop, SIGINT),
        tasks_(loop.get_executor()),
        kernel_name_(line.value_of("kernel")),
        kernel_id_(line.value_of("kernel-id").value_or("")),
        code_(std::move(code)) {}

  Task<Result<ExitCode>> run() {
    const bool own_kernel = kernel_id_.empty();
    if (own_kernel) {
      auto started = co_await start_kernel();
      if (!started) co_return std::unexpected(started.error());
    }
    wait_for_interrupt();
    auto result = co_await execute();
    interrupts_.cancel();
    if (own_kernel)
      std::ignore = co_await connection_.request("DELETE", "api/kernels/" + kernel_id_, nullptr);
    co_await tasks_.join();
    co_return result;
  }

 private:
  Task<Result<void>> start_kernel() {
    nlohmann::json body = nlohmann::json::object();
    if (kernel_name_) body["name"] = *kernel_name_;
    const auto kernel = co_await connection_.request("POST", "api/kernels", std::move(body));
    if (!kernel) co_return std::unexpected(kernel.error());
    kernel_id_ = kernel->value("id", "");
    co_return Result<void>{};
  }

  Task<Result<ExitCode>> execute() {
    if (auto opened = co_await connection_.open_channels(kernel_id_, session_); !opened)
      co_return std::unexpected(opened.error());
    const nlohmann::json content = {{"code", code_.text},
                                    {"silent", false},
                                    {"store_history", true},
                                    {"user_expressions", nlohmann::json::object()},
                                    {"allow_stdin", !code_.from_standard_input},
                                    {"stop_on_error", true}};
    const auto request = make_request(Channel::shell, "execute_request", content.dump(), session_);
    if (!request) co_return std::unexpected(request.error());
    if (auto sent = co_await connection_.send(*request); !sent) co_return std::unexpected(sent.error());
    co_return co_await follow(std::string(request->header.msg_id));
  }

  /// Prints until both the reply and the idle status of the request have come.
  Task<Result<ExitCode>> follow(std::string request_id) {
    bool idle = false;
    std::optional<ExitCode> replied;
    Message::Pointer notice;
    while (!idle || !replied) {
      const auto received = co_await connection_.receive();
      if (!received) co_return std::unexpected(received.error());
      const auto& message = **received;
      const auto type = message.header_fields().msg_type;
      const auto content = nlohmann::json::parse(message.content(), nullptr, false);
      if (message.parent_fields().msg_id.empty()) {
        // What the server says of the kernel itself, and what the kernel prints by itself while it starts.
        if (type == "stream") notice = *received;
        const auto state = type == "status" ? text_of(content, "execution_state") : std::string();
        if (state != "dead" && state != "restarting") continue;
        if (notice) output_.print(*notice);
        co_return make_error(ErrorCode::unavailable, "The kernel died before the code had ended");
      }
      if (message.parent_fields().msg_id != request_id) continue;
      if (type == "input_request") {
        if (auto answered = co_await answer_input(*received); !answered)
          co_return std::unexpected(answered.error());
        continue;
      }
      output_.print(message);
      if (type == "execute_reply") replied = exit_code_of(content);
      if (type == "status" && text_of(content, "execution_state") == "idle") idle = true;
    }
    co_return *replied;
  }

  /// Empty where there is none: kernels may say anything.
  static std::string text_of(const nlohmann::json& content, const char* field) {
    if (!content.is_object()) return {};
    const auto value = content.find(field);
    return value != content.end() && value->is_string() ? value->get<std::string>() : std::string();
  }

  static ExitCode exit_code_of(const nlohmann::json& reply) {
    if (text_of(reply, "status") == "ok") return ExitCode::success;
    // The server's answer in place of a kernel that died; what the code raised otherwise.
    return text_of(reply, "ename") == dead_kernel_error ? ExitCode::failure : ExitCode::code_raised;
  }

  Task<Result<void>> answer_input(Message::Pointer message) {
    const auto content = nlohmann::json::parse(message->content(), nullptr, false);
    if (content.is_object()) std::cout << content.value("prompt", "") << std::flush;
    std::string line;
    std::getline(std::cin, line);
    const nlohmann::json reply = {{"value", line}};
    const auto request = make_request(Channel::stdin_, "input_reply", reply.dump(), session_);
    if (!request) co_return std::unexpected(request.error());
    co_return co_await connection_.send(*request);
  }

  /// Ctrl-C interrupts the code, not this program.
  void wait_for_interrupt() {
    interrupts_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      tasks_.spawn("interrupt", interrupt());
      wait_for_interrupt();
    });
  }

  Task<void> interrupt() {
    const auto interrupted = co_await connection_.request("POST", "api/kernels/" + kernel_id_ + "/interrupt",
                                                          nlohmann::json::object());
    if (!interrupted) report_failure(interrupted.error());
  }

  JupyterConnection connection_;
  asio::signal_set interrupts_;
  TaskGroup tasks_;
  CodeOutput output_;
  const std::string session_ = random_uuid();
  std::optional<std::string> kernel_name_;
  std::string kernel_id_;
  Code code_;
};

Result<ExitCode> execute_on(asio::io_context& loop, Execution& execution) {
  Result<ExitCode> ended = ExitCode::failure;
  asio::co_spawn(loop, execution.run(), [&](const std::exception_ptr& failure, Result<ExitCode> result) {
    if (failure) std::rethrow_exception(failure);
    ended = std::move(result);
    loop.stop();
  });
  loop.run();
  return ended;
}

/// What to tell a person whose code found no kernel to run on: the server's answer, or how to get one.
Error explain_failure(const Error& error, KernelSpecManager& specs) {
  if (error.code != ErrorCode::not_found) return error;
  const auto advice = advise_without_kernels(specs);
  return advice ? Error{error.code, std::string(trim(advice->to_text()))} : error;
}

Result<ExitCode> execute_on_own_server(const CommandInvocation& invocation, PreparedCommand prepared,
                                       Code code) {
  const auto token = random_hex(24);
  prepared.options.ip = "127.0.0.1";
  prepared.options.port = 0;
  prepared.options.sock.clear();
  prepared.options.certfile.clear();
  prepared.options.base_url = "/";
  auto application = Application::make({.environment = invocation.environment,
                                        .paths = std::move(prepared.paths),
                                        .options = std::move(prepared.options),
                                        .token = token,
                                        .program = invocation.program,
                                        .keeps_state = false});
  if (!application) return std::unexpected(application.error());
  const auto address = (*application)->bind();
  if (!address) return std::unexpected(address.error());
  (*application)->run();

  auto& loop = (*application)->loop();
  Execution execution(loop, prepared.line,
                      {.host = "127.0.0.1", .port = address->port, .base_path = "/", .token = token},
                      std::move(code));
  auto ended = execute_on(loop, execution);
  if (!ended)
    ended = std::unexpected(explain_failure(ended.error(), (*application)->catalog().kernel_specs()));
  loop.restart();
  asio::co_spawn(loop, (*application)->stop(), [&](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  return ended;
}

ExitCode report(const Result<ExitCode>& ended) {
  return ended ? *ended : report_failure(ended.error());
}

}  // namespace

ExitCode run_execute(const CommandInvocation& invocation) {
  auto prepared = prepare_command(invocation, syntax());
  if (!prepared) return prepared.error();
  const auto& line = prepared->line;
  if (line.arguments.size() != 1)
    return report_failure({ErrorCode::invalid_argument, "Give one CODE, FILE or - for standard input"});
  if (line.has("kernel") && line.has("kernel-id"))
    return report_failure({ErrorCode::invalid_argument, "--kernel and --kernel-id exclude each other"});
  const auto url_text = line.value_of("url");
  if (line.has("kernel-id") && !url_text)
    return report_failure(
        {ErrorCode::invalid_argument, "--kernel-id names a kernel of a server: give its --url"});
  auto code = read_code(line.arguments.front());
  if (!code) return report_failure(code.error());
  ::signal(SIGPIPE, SIG_IGN);

  if (!url_text) {
    // The log of a server of one command would only be in the way of what the code prints.
    if (!log_enabled(LogLevel::debug)) set_log_level(LogLevel::error);
    return report(execute_on_own_server(invocation, std::move(*prepared), std::move(*code)));
  }
  auto url = ServerUrl::parse(*url_text);
  if (!url) return report_failure(url.error());
  if (url->token.empty()) url->token = prepared->options.token.value_or("");
  asio::io_context loop(1);
  Execution execution(loop, line, std::move(*url), std::move(*code));
  return report(execute_on(loop, execution));
}

}  // namespace nextgen_kernels
