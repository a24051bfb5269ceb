#include "provisioners/local/local_provisioner.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "kernelspecs/launch_template.h"
#include "provisioners/local/connection_file.h"

namespace nextgen_kernels {
namespace {

constexpr std::array<std::string_view, 5> port_names = {"shell_port", "iopub_port", "stdin_port",
                                                        "control_port", "hb_port"};
// sockaddr_un holds 108 bytes with the final zero; the longest endpoint ends in "-5".
constexpr std::size_t longest_socket_stem = 105;

}  // namespace

LocalProvisioner::LocalProvisioner(Executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)) {}

LocalProvisioner::~LocalProvisioner() {
  process_.reset();
  if (connection_file_.empty()) return;
  remove_ipc_sockets();
  ::unlink(connection_file_.c_str());
}

std::string LocalProvisioner::socket_stem() const {
  return (connection_file_.parent_path() / connection_file_.stem()).string() + "-ipc";
}

void LocalProvisioner::remove_ipc_sockets() const {
  if (options_.transport != Transport::ipc) return;
  for (std::size_t i = 1; i <= port_names.size(); ++i)
    ::unlink(fmt::format("{}-{}", socket_stem(), i).c_str());
}

Result<void> LocalProvisioner::prepare_connection(const LaunchRequest& request) {
  if (request.spec.argv.empty()) {
    return make_error(ErrorCode::invalid_argument,
                      "Kernel '{}' cannot be started: argv is missing in its kernel.json, the command that "
                      "starts the kernel",
                      request.spec.name);
  }
  connection_file_ = options_.runtime_dir / ("kernel-" + request.kernel_id + ".json");
  if (key_.empty()) key_ = random_hex(32);
  if (options_.transport == Transport::ipc) {
    if (socket_stem().size() > longest_socket_stem) {
      return make_error(
          ErrorCode::invalid_argument,
          "The path of the kernel's ipc sockets is longer than {} bytes: {}. Set JUPYTER_RUNTIME_DIR to "
          "a shorter path, or KernelManager.transport to tcp.",
          longest_socket_stem, socket_stem());
    }
    remove_ipc_sockets();
    return {};
  }
  if (ports_ && !ports_->any_taken(options_.ip)) return {};
  auto ports = LocalPorts::choose(options_.ip);
  if (!ports) return std::unexpected(ports.error());
  ports_.emplace(std::move(*ports));
  return {};
}

Task<Result<ConnectionInfo>> LocalProvisioner::launch_kernel(const LaunchRequest& request) {
  if (auto prepared = prepare_connection(request); !prepared) co_return std::unexpected(prepared.error());
  const bool ipc = options_.transport == Transport::ipc;
  ConnectionInfo info = {{"transport", ipc ? "ipc" : "tcp"},
                         {"ip", ipc ? socket_stem() : options_.ip},
                         {"key", key_},
                         {"signature_scheme", "hmac-sha256"},
                         {"kernel_name", request.spec.name}};
  for (std::size_t i = 0; i < port_names.size(); ++i)
    info[std::string(port_names[i])] = ipc ? static_cast<int>(i + 1) : static_cast<int>(ports_->numbers()[i]);
  if (const auto session = request.environment.find("JPY_SESSION_NAME"); session != request.environment.end())
    info["jupyter_session"] = session->second;
  if (auto written = write_connection_file(connection_file_, info); !written)
    co_return std::unexpected(written.error());

  auto environment = kernel_environment(request.spec, request.environment);
  environment["JPY_PARENT_PID"] = std::to_string(::getpid());
  const LaunchValues values{.connection_file = connection_file_,
                            .default_prefix = options_.default_prefix,
                            .named = {{"kernel_id", request.kernel_id}},
                            .extra_arguments = {}};
  auto command = format_kernel_command(request.spec, values, environment);
  auto process = ChildProcess::launch(executor_, {.argv = std::move(command),
                                                  .environment = std::move(environment),
                                                  .working_directory = request.working_directory});
  if (!process) {
    ::unlink(connection_file_.c_str());
    co_return make_error(process.error().code, "Kernel '{}' cannot be started: {}", request.spec.name,
                         process.error().message);
  }
  process_ = std::move(*process);
  killed_here_ = false;
  oom_kills_at_launch_ = read_oom_kills(options_.system_root);
  co_return info;
}

Task<ExitStatus> LocalProvisioner::wait() {
  if (process_ == nullptr) co_return ExitStatus{};
  co_return co_await process_->wait();
}

std::optional<ExitStatus> LocalProvisioner::exit_status() const {
  return process_ == nullptr ? std::nullopt : process_->exit_status();
}

Task<Result<void>> LocalProvisioner::send_signal(int signal_number) {
  if (process_ == nullptr) co_return Result<void>{};
  co_return process_->signal_group(signal_number);
}

Task<Result<void>> LocalProvisioner::terminate(ShutdownPurpose) {
  co_return co_await send_signal(SIGTERM);
}

Task<Result<void>> LocalProvisioner::kill(ShutdownPurpose) {
  killed_here_ = true;
  co_return co_await send_signal(SIGKILL);
}

Task<void> LocalProvisioner::cleanup(ShutdownPurpose purpose) {
  remove_ipc_sockets();
  if (purpose == ShutdownPurpose::restart) co_return;
  if (!connection_file_.empty()) ::unlink(connection_file_.c_str());
  ports_.reset();
}

std::string LocalProvisioner::describe_end() const {
  const auto status = exit_status().value_or(ExitStatus{});
  auto text = KernelProvisioner::describe_end();
  if (status.signal != SIGKILL || killed_here_) return text;
  const auto now = read_oom_kills(options_.system_root);
  if (!now || !oom_kills_at_launch_)
    return text + " This server did not kill it: the system did, for want of memory, or somebody else.";
  const auto kills = now->count - oom_kills_at_launch_->count;
  if (kills == 0)
    return text + " This server did not kill it, nor did the system for want of memory: somebody else did.";
  return fmt::format(
      "{} Most probably it was out of memory: since the kernel started, the system has killed {} process{} "
      "for "
      "want of memory ({}).",
      text, kills, kills == 1 ? "" : "es", now->source.string());
}

std::string LocalProvisioner::output_tail() const {
  return process_ == nullptr ? std::string() : redact(process_->output_tail(), {key_});
}

bool LocalProvisioner::failed_to_bind() const {
  if (!ports_ || process_ == nullptr || !process_->exit_status()) return false;
  return ports_->any_taken(options_.ip);
}

nlohmann::json LocalProvisioner::get_provisioner_info() const {
  if (process_ == nullptr) return nlohmann::json::object();
  return {{"pid", process_->pid()}};
}

}  // namespace nextgen_kernels
