/// \file A provisioner that extends none: its kernels are daemons, children of nobody, watched by their
/// process id. For the tests of what a class of its own does to hand its kernels over.

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <nextgen_kernels/plugin.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nk = nextgen_kernels::plugin;

namespace {

/// Who a process is: an id alone is given to others.
struct Identity {
  pid_t pid = 0;
  std::int64_t start_time = 0;  ///< In ticks since the machine started (proc(5)); 0: there is no process.
};

Identity identify(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 2));
  std::string state;
  fields >> state;
  if (state == "Z") return {};
  std::int64_t value = 0;
  for (int field = 4; field <= 22; ++field) fields >> value;
  return {pid, value};
}

/// A port that nobody has now.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!bound) throw nk::Error(nk::ErrorCode::io, "No port is free");
  return ntohs(address.sin_port);
}

/// Starts a process that is not our child.
pid_t start_daemon(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  std::vector<char*> arguments;
  std::vector<char*> variables;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  for (const auto& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw nk::Error(nk::ErrorCode::io, std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) {
    const pid_t daemon = ::fork();
    if (daemon != 0) {
      static_cast<void>(::write(pipe[1], &daemon, sizeof daemon));
      ::_exit(0);
    }
    ::setsid();
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int descriptor : {0, 1, 2}) ::dup2(nothing, descriptor);
    ::execve(arguments.front(), arguments.data(), variables.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  pid_t daemon = -1;
  const bool told = ::read(pipe[0], &daemon, sizeof daemon) == sizeof daemon;
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  if (!told || daemon <= 0) throw nk::Error(nk::ErrorCode::io, "The kernel could not be started");
  return daemon;
}

class DaemonProvisioner : public nk::Provisioner {
 public:
  using Provisioner::Provisioner;

  void launch_kernel(const nk::Json& request, nk::Reply<nk::Json> reply) override {
    auto info = nk::Json::object({{"transport", "tcp"},
                                  {"ip", "127.0.0.1"},
                                  {"key", "of " + request.at("kernel_id").as_string()},
                                  {"signature_scheme", "hmac-sha256"}});
    for (const auto* port : {"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"})
      info[port] = free_port();
    const auto file = option("runtime_directory").as_string() + "/daemon-" + context().kernel_id() + ".json";
    std::ofstream(file) << info.dump();
    ::chmod(file.c_str(), S_IRUSR | S_IWUSR);
    std::vector<std::string> command;
    for (const auto& argument : request.at("kernel_spec").at("argv").as_array())
      command.push_back(argument.as_string());
    command.push_back(file);
    std::vector<std::string> environment;
    for (const auto& [name, value] : request.at("environment").as_object())
      environment.push_back(name + "=" + value.as_string());
    process_ = identify(start_daemon(command, environment));
    reply.succeed(info);
  }

  nk::Json adoption_record() override {
    return nk::Json::object(
        {{"process", std::int64_t{process_.pid}}, {"started", process_.start_time}, {"by", "daemon"}});
  }

  void adopt_kernel(const nk::Json& request, nk::Reply<nk::Json> reply) override {
    const auto& record = request.at("record");
    const Identity recorded{static_cast<pid_t>(record.at("process").as_integer()),
                            record.at("started").as_integer()};
    if (identify(recorded.pid).start_time != recorded.start_time)
      return reply.fail(nk::ErrorCode::not_found, "The daemon has ended");
    process_ = recorded;
    reply.succeed(request.at("connection_info"));
  }

  void wait(nk::Reply<nk::ExitStatus> reply) override {
    waiting_ = std::move(reply);
    look();
  }
  void send_signal(int signal_number, nk::Reply<void> reply) override {
    if (runs()) ::kill(-process_.pid, signal_number);
    reply.succeed();
  }
  void terminate(nk::Purpose, nk::Reply<void> reply) override { send_signal(SIGTERM, std::move(reply)); }
  void kill(nk::Purpose, nk::Reply<void> reply) override { send_signal(SIGKILL, std::move(reply)); }
  nk::Json get_provisioner_info() override { return nk::Json::object({{"pid", std::int64_t{process_.pid}}}); }

 private:
  bool runs() const {
    return process_.start_time != 0 && identify(process_.pid).start_time == process_.start_time;
  }
  /// Looks again and again for the end of a process that is not ours.
  void look() {
    if (!runs()) return std::exchange(waiting_, std::nullopt)->succeed({});
    timer_ = context().start_timer(std::chrono::milliseconds(20), [this] { look(); });
  }

  Identity process_;
  std::optional<nk::Reply<nk::ExitStatus>> waiting_;
  nk::Timer timer_;
};

}  // namespace

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<DaemonProvisioner>("daemon:DaemonProvisioner"))
