#include "provisioners/existing/existing_provisioner.h"

#include <array>

#include "base/log.h"
#include "base/small_file.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view file_option = "connection_file";
constexpr std::size_t largest_file = 64 * 1024;
constexpr std::size_t deepest_nesting = 64;

/// The file that the provisioner's config names.
Result<std::filesystem::path> connection_file_of(const nlohmann::json& config,
                                                 const std::filesystem::path& runtime_dir) {
  const auto named = config.find(file_option);
  if (named == config.end() || !named->is_string() || named->get_ref<const std::string&>().empty()) {
    return make_error(ErrorCode::invalid_argument,
                      "existing-provisioner needs the kernel's connection file: set {} in the config of "
                      "metadata.kernel_provisioner to its path, or to its name in {}",
                      file_option, runtime_dir.string());
  }
  return runtime_dir / named->get<std::string>();
}

/// What the file says, an object; whether its fields are enough is its client's to judge.
Result<ConnectionInfo> read_connection_file(const std::filesystem::path& path) {
  const auto text = read_small_text(path, largest_file);
  if (!text)
    return make_error(text.error().code, "Cannot read the connection file: {}", text.error().message);
  auto info = nests_deeper_than(*text, deepest_nesting) ? nlohmann::json()
                                                        : nlohmann::json::parse(*text, nullptr, false);
  if (!info.is_object())
    return make_error(ErrorCode::invalid_argument, "{} is no connection file: it holds no JSON object",
                      path.string());
  return info;
}

}  // namespace

ExistingProvisioner::ExistingProvisioner(Executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)), changed_(executor_), tasks_(executor_) {}

Task<Result<ConnectionInfo>> ExistingProvisioner::launch_kernel(LaunchRequest request) {
  detach();
  const auto file = connection_file_of(request.spec.provisioner.config, options_.runtime_dir);
  if (!file) co_return std::unexpected(file.error());
  co_return attach(*file);
}

Result<ConnectionInfo> ExistingProvisioner::attach(std::filesystem::path file) {
  auto info = read_connection_file(file);
  if (!info) return info;
  connection_file_ = std::move(file);
  attached_ = true;
  watch(*info);
  return info;
}

nlohmann::json ExistingProvisioner::adoption_record() const {
  if (!attached_) return nullptr;
  return {{file_option, connection_file_.string()}};
}

Task<Result<ConnectionInfo>> ExistingProvisioner::adopt_kernel(AdoptionRequest request) {
  detach();
  const auto file = request.record.find(file_option);
  if (file == request.record.end() || !file->is_string())
    co_return make_error(ErrorCode::invalid_argument, "The connection file of the kernel is not recorded");
  co_return attach(file->get<std::string>());
}

void ExistingProvisioner::watch(const ConnectionInfo& info) {
  const auto port = connection_port(info, "hb_port");
  const auto transport = info.value("transport", nlohmann::json());
  const auto ip = info.value("ip", nlohmann::json());
  // A connection without these is of another kind, or broken: its client says so.
  if (!port || !transport.is_string() || !ip.is_string()) return;
  heartbeat_ = std::make_unique<ZmqSocket>(executor_, ZmqSocketType::dealer, std::string_view());
  heartbeat_->on_connection([this](ZmqConnectionEvent event) { on_connection(event); });
  const auto endpoint = fmt::format("{}://{}{}{}", transport.get<std::string>(), ip.get<std::string>(),
                                    transport == "ipc" ? '-' : ':', *port);
  if (auto connected = heartbeat_->connect(endpoint); !connected)
    log_debug("existing-provisioner: {}", connected.error().message);
}

void ExistingProvisioner::on_connection(ZmqConnectionEvent event) {
  tasks_.cancel();
  if (event == ZmqConnectionEvent::disconnected) tasks_.spawn("detach from a lost kernel", detach_later());
}

Task<void> ExistingProvisioner::detach_later() {
  co_await sleep_for(options_.reconnect_patience);
  detach();
}

void ExistingProvisioner::detach() {
  tasks_.cancel();
  heartbeat_.reset();
  attached_ = false;
  changed_.notify_all();
}

Task<ExitStatus> ExistingProvisioner::wait() {
  while (attached_) co_await changed_.wait();
  co_return ExitStatus{};
}

std::optional<ExitStatus> ExistingProvisioner::exit_status() const {
  if (attached_ || connection_file_.empty()) return std::nullopt;
  return ExitStatus{};
}

Task<Result<void>> ExistingProvisioner::send_signal(int) {
  co_return make_error(ErrorCode::unavailable,
                       "The kernel of {} was started by another program: it takes no signals from here",
                       connection_file_.string());
}

Task<Result<void>> ExistingProvisioner::terminate(ShutdownPurpose) {
  detach();
  co_return Result<void>{};
}

Task<Result<void>> ExistingProvisioner::kill(ShutdownPurpose) {
  detach();
  co_return Result<void>{};
}

Task<void> ExistingProvisioner::cleanup(ShutdownPurpose) {
  detach();
  co_await tasks_.join();
}

std::string ExistingProvisioner::describe_end() const {
  return fmt::format(
      "The kernel of {} is gone: its connection broke and could not be made again within {:g} s. It was "
      "started by another program, so it is not started again here; a restart attaches to it again.",
      connection_file_.string(), std::chrono::duration<double>(options_.reconnect_patience).count());
}

nlohmann::json ExistingProvisioner::get_provisioner_info() const {
  return {{"connection_file", connection_file_.string()}};
}

}  // namespace nextgen_kernels
