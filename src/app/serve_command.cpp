#include <cstdio>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fcntl.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/command.h"
#include "app/server_info_file.h"
#include "app/server_url.h"
#include "base/log.h"
#include "base/random.h"

namespace nextgen_kernels {
namespace {

const CommandSyntax& syntax() {
  static const CommandSyntax instance{.program = "nextgen-kernels serve",
                                      .summary = "Serves kernels over the Jupyter REST and WebSocket API."};
  return instance;
}

/// Everything goes to the file, what an operator should see at once also to standard error.
Result<void> log_to_file(const std::filesystem::path& path, LogLevel level) {
  // Not world-readable: what kernels print before they die stands in it.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return make_errno_error("Cannot write the log", path.string(), errno);
  ::close(fd);
  auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
  auto terminal = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  terminal->set_level(level == LogLevel::debug ? spdlog::level::debug : spdlog::level::warn);
  set_log_sinks({file, terminal});
  return {};
}

/// Every kernel takes a dozen descriptors, every WebSocket one: use what the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void print_welcome(const ServerAddress& address, const std::string& token,
                   const std::filesystem::path& log_file) {
  fmt::print("nextgen-kernels {} is running:\n\n    {}\n\n", NEXTGEN_KERNELS_VERSION,
             address.login_url(token));
  if (address.sock.empty()) fmt::print("Attach JupyterLab:\n    {}\n", address.attach_command(token));
  fmt::print("Log: {}\nCtrl-C stops the server and its kernels.\n", log_file.string());
  std::fflush(stdout);
}

void print_no_kernel(const KernelAdvice& advice) {
  log_info("{}", advice.to_line());  // For the file: the terminal has it from here.
  fmt::print("\n{}The server notices new kernels by itself.\n", advice.to_text());
  std::fflush(stdout);
}

/// Servers without it run as well; they are only not listed.
std::optional<ServerInfoFile> announce(const std::filesystem::path& runtime_dir, const ServerInfo& info) {
  auto file = ServerInfoFile::write(runtime_dir, info);
  if (file) return std::move(*file);
  log_warning("`jupyter server list` does not find this server: {}", file.error().message);
  return std::nullopt;
}

std::string log_name(const ServerAddress& address) {
  return address.sock.empty() ? fmt::format("nextgen-kernels-{}.log", address.port)
                              : fmt::format("nextgen-kernels-{}.log", address.sock.filename().native());
}

class ServeRun {
 public:
  explicit ServeRun(Application& application)
      : application_(application), signals_(application.loop(), SIGINT, SIGTERM) {
    // Of a terminal that is closed; who was started by nohup goes on.
    if (!ignores(SIGHUP)) signals_.add(SIGHUP);
  }

  ServeRun(const ServeRun&) = delete;
  ServeRun& operator=(const ServeRun&) = delete;
  /// What a signal asks for is done by now: the program ends with its own status.
  ~ServeRun() {
    boost::system::error_code ignored;
    signals_.clear(ignored);
    for (const auto number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_IGN);
  }

  /// Serves until a signal or a request ends it, or nobody has used it for long.
  void run() {
    application_.on_no_kernel = print_no_kernel;
    application_.on_stop_wanted = [this] { asio::post(application_.loop(), [this] { stop(); }); };
    application_.run();
    wait_for_signal();
    application_.loop().run();
  }

 private:
  static bool ignores(int signal_number) {
    struct sigaction action{};
    return ::sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal_number) {
      if (error) return;
      if (!stopping_)
        stop();
      else if (signal_number != SIGHUP)  // A closed terminal is told by the system, and by the shell.
        application_.kill_kernels();
      wait_for_signal();
    });
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    // There may be nobody left to read this, and that is no error.
    std::fputs("\nStopping: ending the kernels. Ctrl-C again kills them.\n", stdout);
    std::fflush(stdout);
    log_info("Stopping");
    asio::co_spawn(application_.loop(), application_.stop(), [this](const std::exception_ptr& failure) {
      if (failure) log_error("Stopping failed");
      log_info("Stopped");
      signals_.cancel();
    });
  }

  Application& application_;
  asio::signal_set signals_;
  bool stopping_ = false;
};

}  // namespace

ExitCode run_serve(const CommandInvocation& invocation) {
  auto prepared = prepare_command(invocation, syntax());
  if (!prepared) return prepared.error();
  const auto options = prepared->options;
  // As upstream: who has said how people get in needs no other way.
  const bool has_other_way = !options.hashed_password.empty() || !options.users.objects.empty();
  const auto token = options.token.value_or(has_other_way ? std::string() : random_hex(24));
  raise_descriptor_limit();
  ::signal(SIGPIPE, SIG_IGN);

  const auto runtime_dir = prepared->paths.runtime_dir;
  auto application = Application::make({.environment = invocation.environment,
                                        .paths = std::move(prepared->paths),
                                        .options = options,
                                        .token = token,
                                        .program = invocation.program});
  if (!application) return report_failure(application.error());
  const auto address = (*application)->bind();
  if (!address) return report_failure(address.error());

  const auto log_file = options.log_file.empty() ? runtime_dir / log_name(*address) : options.log_file;
  if (auto logging = log_to_file(log_file, options.log_level); !logging)
    return report_failure(logging.error());
  log_info("nextgen-kernels {} listens on {} (process {})", NEXTGEN_KERNELS_VERSION, address->url(),
           ::getpid());
  (*application)->catalog().log_findings();
  if (token.empty() && !has_other_way)
    log_warning("There is no token: everybody who can reach this server can run code as you");
  auto announced = announce(runtime_dir, {.address = *address,
                                          .token = token,
                                          .has_password = !options.hashed_password.empty(),
                                          .root_dir = options.kernel_root_dir});
  print_welcome(*address, token, log_file);
  ServeRun(**application).run();
  announced.reset();
  if ((*application)->has_busy_listeners()) {
    log_warning("Listeners of plugins are still at work: the server ends without them");
    std::_Exit(static_cast<int>(ExitCode::success));
  }
  return ExitCode::success;
}

}  // namespace nextgen_kernels
