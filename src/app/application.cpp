#include "app/application.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "app/builtin_classes.h"
#include "base/log.h"
#include "kernels/provisioner_aware_kernel_manager.h"

namespace nextgen_kernels {
namespace {

// Together they keep the promise that Ctrl-C ends everything within five seconds.
constexpr auto request_grace = std::chrono::seconds(1);
constexpr ShutdownPatience kernel_patience{std::chrono::seconds(3)};

/// What kernels inherit. Whoever has the server's token can run code here anyway, but what runs here should
/// not come to know it: kernels print their environment, and write it into notebooks.
Environment kernel_base_environment(Environment environment) {
  environment.erase("JUPYTER_TOKEN");
  environment.erase("JUPYTER_TOKEN_FILE");
  return environment;
}

bool is_loopback(std::string_view ip) {
  return ip == "localhost" || ip == "::1" || ip.starts_with("127.");
}

}  // namespace

Result<std::unique_ptr<Application>> Application::make(ApplicationSettings settings) {
  std::unique_ptr<Application> application(new Application(std::move(settings)));
  if (auto ready = application->set_up(); !ready) return std::unexpected(ready.error());
  return application;
}

Application::Application(ApplicationSettings settings)
    : settings_(std::move(settings)),
      provisioners_(settings_.options.default_provisioner_name, settings_.environment) {}

Result<void> Application::set_up() {
  const auto& options = settings_.options;
  if (auto created = create_runtime_directory(settings_.paths.runtime_dir); !created) return created;
  if (auto registered = register_builtin_classes(registry_, provisioners_); !registered) return registered;
  if (auto applied = apply_configuration(); !applied) return applied;

  const auto& prefixes = settings_.paths.environment_prefixes;
  specs_ = std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{
      .data_path = settings_.paths.data_path,
      .allowed_kernelspecs = {options.allowed_kernelspecs.begin(), options.allowed_kernelspecs.end()},
      .ensure_native_kernel = options.ensure_native_kernel,
      .python_prefixes = prefixes,
      .check_availability = [this](const KernelSpec& spec) {
        return check_provisioner(provisioners_, spec);
      }});

  const KernelManagerOptions kernel_options{
      .kernel_info_timeout = options.kernel_info_timeout,
      .shutdown_wait_time = options.shutdown_wait_time,
      .stable_start_time = options.stable_start_time,
      .autorestart = options.autorestart,
      .restart_limit = static_cast<int>(options.restart_limit),
      .journal_limits = {.bytes = static_cast<std::size_t>(options.journal_memory_limit_bytes)},
      .client_class = {}};
  const auto factories = make_builtin_factories(
      provisioners_, zmq_,
      {.local_provisioner = {.transport = options.transport == KernelTransport::ipc
                                              ? LocalProvisioner::Transport::ipc
                                              : LocalProvisioner::Transport::tcp,
                             .ip = options.kernel_ip,
                             .runtime_dir = settings_.paths.runtime_dir,
                             .default_prefix =
                                 prefixes.empty() ? std::filesystem::path("/usr") : prefixes.front()},
       .existing_provisioner = {.runtime_dir = settings_.paths.runtime_dir}});
  kernels_ = std::make_unique<MultiKernelManager>(
      loop_.get_executor(), *specs_,
      [this, factories, kernel_options](KernelLaunch launch) -> std::shared_ptr<KernelManager> {
        return std::make_shared<ProvisionerAwareKernelManager>(loop_.get_executor(), std::move(launch),
                                                               factories, kernel_options, registry_);
      },
      MultiKernelManager::Options{.default_kernel_name = options.default_kernel_name,
                                  .root_dir = options.kernel_root_dir,
                                  .shutdown_wait_time = options.shutdown_wait_time,
                                  .base_environment = kernel_base_environment(settings_.environment)});

  ServerSettings server_settings;
  server_settings.token = settings_.token;
  server_settings.version = NEXTGEN_KERNELS_VERSION;
  server_settings.origins.allow_origin = options.allow_origin;
  server_settings.origins.allow_remote_access = !is_loopback(options.ip);
  server_settings.limits.body_bytes = static_cast<std::uint64_t>(options.max_body_size);
  server_settings.websockets.ping_interval = options.websocket_ping_interval;
  server_settings.websockets.ping_timeout = 3 * options.websocket_ping_interval;
  server_settings.registry_model = [this] { return registry_model(); };
  auto server = Server::make(loop_.get_executor(), *kernels_, *specs_, std::move(server_settings));
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  return {};
}

Result<void> Application::apply_configuration() {
  const auto& options = settings_.options;
  if (options.fallback_client_class.empty()) {
    registry_.remove_fallback_client();
  } else {
    const auto fallback = ClassReference::parse(options.fallback_client_class);
    if (!fallback) {
      return make_error(fallback.error().code, "KernelClientRegistry.fallback_client_class: {}",
                        fallback.error().message);
    }
    registry_.set_fallback_client(*fallback, Precedence::configuration);
  }
  // Broken mappings are logged by the registry and stop nothing.
  registry_.apply_config_mappings(
      {options.provisioner_client_mappings.begin(), options.provisioner_client_mappings.end()});
  return {};
}

Result<std::uint16_t> Application::bind() {
  const auto& options = settings_.options;
  const int first = options.port;
  const int last = first == 0 ? first : std::min<int>(65535, first + static_cast<int>(options.port_retries));
  for (int port = first; port <= last; ++port) {
    auto bound = server_->bind(options.ip, static_cast<std::uint16_t>(port));
    if (bound || bound.error().code != ErrorCode::already_exists) return bound;
    log_info("Port {} is taken", port);
  }
  if (first == last) {
    return make_error(
        ErrorCode::already_exists,
        "Port {} of {} is taken by another program. Choose another with --ServerApp.port=…, or 0 for any "
        "free one.",
        first, options.ip);
  }
  return make_error(
      ErrorCode::already_exists,
      "The ports {} to {} of {} are all taken. Choose others with --ServerApp.port=…, or 0 for any free one.",
      first, last, options.ip);
}

Task<void> Application::stop() {
  using namespace asio::experimental::awaitable_operators;
  co_await (server_->stop(request_grace) && kernels_->shutdown_all(kernel_patience));
}

nlohmann::json Application::registry_model() const {
  auto mappings = nlohmann::json::array();
  for (const auto& info : registry_.registered_mappings()) {
    mappings.push_back({{"provisioner", info.mapping->provisioner.to_string()},
                        {"client", info.mapping->client.to_string()},
                        {"source", info.mapping->options.source},
                        {"precedence", to_string(info.mapping->precedence)},
                        {"state", to_string(info.state)},
                        {"reason", info.reason}});
  }
  const auto fallback = registry_.fallback_client_class();
  return {
      {"mappings", std::move(mappings)},
      {"fallback_client_class", fallback ? nlohmann::json(fallback->to_string()) : nlohmann::json(nullptr)}};
}

}  // namespace nextgen_kernels
