#include "provisioners/local/local_provisioner.h"

#include <variant>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/small_file.h"
#include "base/strings.h"
#include "kernelspecs/launch_template.h"
#include "provisioners/local/connection_file.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

constexpr std::array<std::string_view, 5> port_names = {"shell_port", "iopub_port", "stdin_port",
                                                        "control_port", "hb_port"};
// sockaddr_un holds 108 bytes with the final zero; the longest endpoint ends in "-5".
constexpr std::size_t longest_socket_stem = 105;
constexpr std::size_t largest_connection_file = 64 * 1024;
// A kernel that registers does so first of all; one that never will is launched again with ports.
constexpr auto registration_patience = std::chrono::seconds(30);
// By it the processes of a kernel are found that have left its process tree.
constexpr std::string_view family_variable = "NEXTGEN_KERNELS_KERNEL_ID";

std::string family_mark(const std::string& kernel_id) {
  return fmt::format("{}={}", family_variable, kernel_id);
}

/// The directory, or the nearest one above it that is there: it may have been renamed or removed since the
/// kernel was started first.
std::filesystem::path existing_directory(std::filesystem::path directory) {
  std::error_code ignored;
  while (directory.has_relative_path() && !std::filesystem::is_directory(directory, ignored))
    directory = directory.parent_path();
  return directory;
}

/// Where a kernel with this connection info listens for requests.
ListenAddress listen_address(const ConnectionInfo& info) {
  const auto port = info.find("shell_port");
  if (port == info.end() || !port->is_number_integer()) return {};
  const auto number = port->get<std::uint16_t>();
  const auto ip = info.find("ip");
  if (info.value("transport", nlohmann::json()) != "ipc") return {.port = number, .path = {}};
  return {.port = 0,
          .path = ip != info.end() && ip->is_string() ? fmt::format("{}-{}", ip->get<std::string>(), number)
                                                      : ""};
}

nlohmann::json record_of(const ProcessIdentity& process) {
  return {{"pid", process.pid}, {"start_time", process.start_time}};
}

/// Nothing when the record has none that can be.
std::optional<ProcessIdentity> read_process(const nlohmann::json& record) {
  const auto number = [&record](const char* name) {
    const auto value = record.find(name);
    return value != record.end() && value->is_number_integer() ? value->get<std::uint64_t>() : 0;
  };
  if (!record.is_object()) return std::nullopt;
  const ProcessIdentity process{.pid = static_cast<pid_t>(number("pid")), .start_time = number("start_time")};
  // 0 and -1 are not processes, but many of them.
  if (process.pid <= 1 || process.start_time == 0) return std::nullopt;
  return process;
}

nlohmann::json record_of(const FamilyRecord& family) {
  auto members = nlohmann::json::array();
  for (const auto& member : family.members) members.push_back(record_of(member));
  return {{"settled", family.settled},
          {"members", members},
          {"listener", family.listener ? record_of(*family.listener) : nlohmann::json()}};
}

/// Of a record of an older version, which has none, nothing is known but that the kernel's children are its
/// own.
FamilyRecord read_family(const nlohmann::json& record) {
  const auto family = record.find("family");
  if (family == record.end() || !family->is_object()) return {.settled = true};
  FamilyRecord read{.settled = family->value("settled", nlohmann::json()) == true};
  for (const auto& member : family->value("members", nlohmann::json::array()))
    if (const auto process = read_process(member)) read.members.push_back(*process);
  read.listener = read_process(family->value("listener", nlohmann::json()));
  return read;
}

}  // namespace

LocalProvisioner::LocalProvisioner(Executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)), transport_(options_.transport) {}

LocalProvisioner::~LocalProvisioner() {
  process_.reset();
  if (options_.registrar != nullptr && !registering_.empty()) options_.registrar->forget(registering_);
  if (connection_file_.empty()) return;
  remove_ipc_sockets();
  ::unlink(connection_file_.c_str());
}

std::string LocalProvisioner::socket_stem() const {
  return (connection_file_.parent_path() / connection_file_.stem()).string() + "-ipc";
}

void LocalProvisioner::remove_ipc_sockets() const {
  if (transport_ != Transport::ipc) return;
  for (std::size_t i = 1; i <= port_names.size(); ++i)
    ::unlink(fmt::format("{}-{}", socket_stem(), i).c_str());
}

/// Whether the process is told its ports, or tells them: what its connection file says.
Result<ConnectionInfo> LocalProvisioner::prepare_connection(const LaunchRequest& request) {
  connection_file_ = options_.runtime_dir / ("kernel-" + request.kernel_id + ".json");
  const auto transport = transport_for(request.spec);
  if (!transport) return std::unexpected(transport.error());
  remove_ipc_sockets();
  transport_ = *transport;
  if (key_.empty()) key_ = random_hex(32);
  if (!registering_.empty() && !options_.registrar->is_registered(registering_)) registration_failed_ = true;
  registering_.clear();
  auto spec = request.spec;
  if (const auto said = options_.registration.find(spec.name); said != options_.registration.end())
    spec.metadata["registration"] = said->second;
  const auto dialect = registration_dialect(spec);
  if (!dialect) return std::unexpected(dialect.error());
  const bool ipc = transport_ == Transport::ipc;
  if (*dialect && !ipc && options_.registrar != nullptr && !registration_failed_) {
    auto file = options_.registrar->expect(request.kernel_id, key_, **dialect);
    if (file) registering_ = request.kernel_id;
    return file;
  }
  if (auto prepared = prepare_endpoints(); !prepared) return std::unexpected(prepared.error());
  ConnectionInfo info = {{"transport", ipc ? "ipc" : "tcp"},
                         {"ip", ipc ? socket_stem() : options_.ip},
                         {"key", key_},
                         {"signature_scheme", "hmac-sha256"}};
  for (std::size_t i = 0; i < port_names.size(); ++i)
    info[std::string(port_names[i])] = ipc ? static_cast<int>(i + 1) : static_cast<int>(ports_->numbers()[i]);
  return info;
}

/// A kernel spec can have been changed since the last launch.
Result<LocalProvisioner::Transport> LocalProvisioner::transport_for(const KernelSpec& spec) const {
  const auto said = spec.provisioner.config.find(transport_option);
  if (said == spec.provisioner.config.end()) return options_.transport;
  if (*said == "ipc") return Transport::ipc;
  if (*said == "tcp") return Transport::tcp;
  return make_error(ErrorCode::invalid_argument,
                    "{} must be tcp or ipc in metadata.kernel_provisioner.config of the kernel.json of {}",
                    transport_option, spec.name);
}

Result<void> LocalProvisioner::prepare_endpoints() {
  if (transport_ == Transport::ipc) {
    if (socket_stem().size() > longest_socket_stem) {
      return make_error(
          ErrorCode::invalid_argument,
          "The path of the kernel's ipc sockets is longer than {} bytes: {}. Set JUPYTER_RUNTIME_DIR to "
          "a shorter path, or KernelManager.transport (in kernel.json: transport) to tcp.",
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

Result<void> LocalProvisioner::check_command(const LaunchRequest& request) const {
  if (!request.spec.argv.empty()) return {};
  return make_error(ErrorCode::invalid_argument,
                    "Kernel '{}' cannot be started: argv is missing in its kernel.json, the command that "
                    "starts the kernel",
                    request.spec.name);
}

/// The command, the environment and the directory of a kernel, as this provisioner starts it.
ProcessDescription LocalProvisioner::describe_process(const LaunchRequest& request) const {
  auto environment = kernel_environment(request.spec, request.environment);
  // Kernels look whether this process is still their parent, and end when it is not; 1 says not to look.
  const bool ends_with_us = options_.lifetime == ChildLifetime::ours;
  environment["JPY_PARENT_PID"] = ends_with_us ? std::to_string(::getpid()) : "1";
  const LaunchValues values{.connection_file = connection_file_,
                            .default_prefix = options_.default_prefix,
                            .named = {{"kernel_id", request.kernel_id}},
                            .extra_arguments = {}};
  auto command = format_kernel_command(request.spec, values, environment);
  return {.argv = std::move(command),
          .environment = std::move(environment),
          .working_directory = existing_directory(request.working_directory),
          .lifetime = options_.lifetime,
          .family_mark = family_mark(request.kernel_id)};
}

/// Whether the next launch will not write the connection file, for it would say what it says. The sockets of
/// ipc are files, too.
bool LocalProvisioner::stays_as_it_is(const LaunchRequest& request) const {
  if (!registering_.empty() || !ports_ || transport_ != Transport::tcp) return false;
  const auto text = read_small_text(connection_file_, largest_connection_file);
  const auto file = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!file.is_object()) return false;
  const auto session = request.environment.find("JPY_SESSION_NAME");
  const auto wanted =
      session == request.environment.end() ? nlohmann::json() : nlohmann::json(session->second);
  return file.value("jupyter_session", nlohmann::json()) == wanted;
}

Task<Result<void>> LocalProvisioner::check_launch(LaunchRequest request) {
  if (auto right = check_command(request); !right) co_return right;
  const auto process = describe_process(request);
  if (const auto executable = find_executable(process); !executable)
    co_return std::unexpected(executable.error());
  const auto transport = transport_for(request.spec);
  if (!transport) co_return std::unexpected(transport.error());
  if (*transport == transport_ && stays_as_it_is(request)) co_return Result<void>{};
  co_return try_connection_file(connection_file_);
}

Task<Result<ConnectionInfo>> LocalProvisioner::launch_kernel(LaunchRequest request) {
  if (auto right = check_command(request); !right) co_return std::unexpected(right.error());
  auto prepared = prepare_connection(request);
  if (!prepared) co_return std::unexpected(prepared.error());
  auto info = std::move(*prepared);
  info["kernel_name"] = request.spec.name;
  if (const auto session = request.environment.find("JPY_SESSION_NAME"); session != request.environment.end())
    info["jupyter_session"] = session->second;
  if (auto written = write_connection_file(connection_file_, info); !written)
    co_return std::unexpected(written.error());

  auto description = describe_process(request);
  if (description.working_directory != request.working_directory) {
    log_warning("Kernel {}: directory {} is not there any more; it starts in {}", request.kernel_id,
                request.working_directory.string(), description.working_directory.string());
  }
  auto process = launch_process(std::move(description));
  if (!process) {
    // After a launch that did not fail, cleanup removes it.
    if (process_ == nullptr) ::unlink(connection_file_.c_str());
    co_return make_error(process.error().code, "Kernel '{}' cannot be started: {}", request.spec.name,
                         process.error().message);
  }
  process_ = std::move(*process);
  killed_here_ = false;
  oom_kills_at_launch_ = read_oom_kills(options_.system_root);
  co_return info;
}

nlohmann::json LocalProvisioner::adoption_record() const {
  if (!has_process()) return nullptr;
  const auto process = process_->identity();
  return {{"pid", process.pid},
          {"start_time", process.start_time},
          {"output_pipe", process_->output_pipe()},
          {"connection_file", connection_file_.string()},
          {"family", record_of(process_->family())},
          {"outlives_server", options_.lifetime == ChildLifetime::own}};
}

Task<Result<ConnectionInfo>> LocalProvisioner::adopt_kernel(AdoptionRequest request) {
  if (request.newer_process) {
    if (auto known = describe_newer_process(request); !known) co_return std::unexpected(known.error());
  }
  const auto& record = request.record;
  const auto process = read_process(record);
  const auto file = record.find("connection_file");
  if (!process || file == record.end() || !file->is_string())
    co_return make_error(ErrorCode::invalid_argument,
                         "What is recorded of the kernel's process is incomplete");
  connection_file_ = file->get<std::string>();  // Also of a kernel that has ended: it is removed.
  const auto pipe = record.find("output_pipe");
  auto attached = ChildProcess::attach(
      executor_,
      {.process = *process,
       .output_pipe = pipe != record.end() && pipe->is_number_unsigned() ? pipe->get<std::uint64_t>() : 0,
       .family_mark = family_mark(request.kernel_id),
       .family = read_family(record)});
  if (!attached) co_return std::unexpected(attached.error());
  process_ = std::move(*attached);
  killed_here_ = false;
  const auto& info = request.connection_info;
  const auto text = [&info](const char* name) {
    const auto value = info.find(name);
    return value != info.end() && value->is_string() ? value->get<std::string>() : std::string();
  };
  key_ = text("key");
  transport_ = text("transport") == "ipc" ? Transport::ipc : Transport::tcp;
  if (record.value("outlives_server", nlohmann::json()) != true)
    co_return make_error(ErrorCode::unavailable, "It was started to end with its server");
  if (!info.contains(port_names.front()))
    co_return make_error(ErrorCode::unavailable, "It had not told its ports to that server yet");
  if (auto same = check_connection_file(info); !same) co_return std::unexpected(same.error());
  co_return info;
}

/// Completes a request with what is known of a process that nobody has recorded: its connection is what the
/// file says that was written for it.
Result<void> LocalProvisioner::describe_newer_process(AdoptionRequest& request) const {
  const auto& process = *request.newer_process;
  auto& record = request.record;
  if (!record.is_object()) record = {{"outlives_server", options_.lifetime == ChildLifetime::own}};
  if (!record.contains("connection_file"))
    record["connection_file"] = (options_.runtime_dir / ("kernel-" + request.kernel_id + ".json")).string();
  record["pid"] = static_cast<std::uint64_t>(process.pid);  // As it is read from a file.
  record["start_time"] = process.start_time;
  record["family"] = record_of(FamilyRecord{});  // What is recorded is that of another process.
  record["output_pipe"] = find_output_pipe(process.pid);
  record["family"] = record_of(FamilyRecord{});  // What is recorded is the one of the process before.
  const auto& file = record["connection_file"];
  if (!file.is_string())
    return make_error(ErrorCode::invalid_argument, "The connection file of the kernel is not recorded");
  const auto text = read_small_text(file.get<std::string>(), largest_connection_file);
  auto info = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  // Without it the kernel is refused below, with the key that it should have.
  if (info.is_object()) request.connection_info = std::move(info);
  return {};
}

/// The kernel's key is what the file said when it started: ours must be the same.
Result<void> LocalProvisioner::check_connection_file(const ConnectionInfo& info) const {
  const auto text = read_small_text(connection_file_, largest_connection_file);
  // Somebody removed it: whether the key is right, the kernel's messages will tell.
  if (!text) return write_connection_file(connection_file_, info);
  const auto file = nlohmann::json::parse(*text, nullptr, false);
  if (file.is_object() && file.value("key", nlohmann::json()) == key_) return {};
  return make_error(ErrorCode::protocol, "Its connection file {} has another key than was recorded",
                    connection_file_.string());
}

Task<Result<ConnectionInfo>> LocalProvisioner::complete_connection(
    ConnectionInfo info, std::chrono::steady_clock::duration timeout) {
  using namespace asio::experimental::awaitable_operators;
  if (registering_.empty()) co_return info;
  auto first =
      co_await (options_.registrar->wait_for(registering_) ||
                sleep_for(std::min<std::chrono::steady_clock::duration>(timeout, registration_patience)));
  if (auto* registered = std::get_if<Result<ConnectionInfo>>(&first)) {
    if (*registered) {
      (**registered)["kernel_name"] = info.value("kernel_name", nlohmann::json());
      // The kernel has read its own; this one is for others who want to connect.
      if (auto written = write_connection_file(connection_file_, **registered); !written)
        log_warning("{}", written.error().message);
    }
    co_return std::move(*registered);
  }
  co_return make_error(ErrorCode::timeout, "The kernel did not register its ports (metadata.registration)");
}

Result<std::unique_ptr<ChildProcess>> LocalProvisioner::launch_process(ProcessDescription description) const {
  if (options_.prepare_process) {
    if (auto prepared = options_.prepare_process(description); !prepared)
      return std::unexpected(prepared.error());
  }
  description.environment[std::string(family_variable)] =
      description.family_mark.substr(family_variable.size() + 1);
  const auto& directory = description.working_directory;
  std::error_code ignored;
  // Shells and programs that follow symbolic links ask it, and the server's own is another.
  description.environment["PWD"] =
      directory.empty() ? std::filesystem::current_path(ignored).string() : directory.string();
  return ChildProcess::launch(executor_, std::move(description));
}

void LocalProvisioner::on_kernel_answered(const ConnectionInfo& info) {
  if (process_ != nullptr) process_->settle(listen_address(info));
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
  co_return process_->send_signal(signal_number);
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
  if (options_.registrar != nullptr && !registering_.empty()) options_.registrar->forget(registering_);
  registering_.clear();
}

std::string LocalProvisioner::describe_end() const {
  const auto status = exit_status().value_or(ExitStatus{});
  auto text = KernelProvisioner::describe_end();
  if (status.fatal_signal() != SIGKILL || killed_here_) return text;
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

std::string LocalProvisioner::why_launch_again() const {
  if (!registering_.empty())
    return options_.registrar->is_registered(registering_) ? ""
                                                           : "it did not register its ports; it is told them";
  const bool taken =
      ports_ && process_ != nullptr && process_->exit_status() && ports_->any_taken(options_.ip);
  return taken ? "a port was taken before the kernel could bind it; it gets others" : "";
}

nlohmann::json LocalProvisioner::get_provisioner_info() const {
  // When it has ended, its id may be another's.
  if (!has_process()) return nlohmann::json::object();
  return {{"pid", process_->pid()}};
}

}  // namespace nextgen_kernels
