#include "app/application.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "app/builtin_classes.h"
#include "app/registry_model.h"
#include "base/log.h"
#include "kernels/provisioner_aware_kernel_manager.h"

namespace nextgen_kernels {
namespace {

// Together they keep the promise that Ctrl-C ends everything within five seconds.
constexpr auto request_grace = std::chrono::seconds(1);
constexpr ShutdownPatience kernel_patience{std::chrono::seconds(3)};
constexpr auto listener_patience = std::chrono::seconds(1);

/// What kernels inherit. Whoever has the server's token can run code here anyway, but what runs here should
/// not come to know it: kernels print their environment, and write it into notebooks.
Environment kernel_base_environment(Environment environment) {
  environment.erase("JUPYTER_TOKEN");
  environment.erase("JUPYTER_TOKEN_FILE");
  environment.erase("KERNEL_USERNAME");                  // Says whose a kernel is; not the server's.
  environment.erase("JPY_SESSION_NAME");                 // The same of what a kernel is for.
  environment.erase(std::string(LaunchMark::variable));  // Of a server that is run in a kernel.
  return environment;
}

Journal::Limits journal_limits(const ServerOptions& options) {
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  return {.memory_bytes = size(options.journal_memory_limit_bytes),
          .memory_messages = size(options.journal_memory_limit_messages),
          .retained_bytes = size(options.journal_retained_memory_bytes),
          .spill_bytes = size(options.journal_spill_limit_bytes)};
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

Application::Application(ApplicationSettings settings) : settings_(std::move(settings)) {}

Result<void> Application::set_up() {
  const auto& options = settings_.options;
  if (auto created = create_runtime_directory(settings_.paths.runtime_dir); !created) return created;
  auto catalog = KernelCatalog::make(options, settings_.paths, settings_.environment, settings_.program);
  if (!catalog) return std::unexpected(catalog.error());
  catalog_ = std::move(*catalog);

  auto users = parse_users(options.users.objects);
  if (!users) return std::unexpected(users.error());
  auto cookie_options = parse_cookie_options(options.cookie_options);
  if (!cookie_options) return std::unexpected(cookie_options.error());

  if (settings_.keeps_state) open_state();
  const auto& prefixes = settings_.paths.environment_prefixes;
  const KernelManagerOptions kernel_options{
      .kernel_info_timeout = options.kernel_info_timeout,
      .shutdown_wait_time = options.shutdown_wait_time,
      .restarts = {.autorestart = options.autorestart,
                   .restart_limit = static_cast<int>(options.restart_limit),
                   .stable_start_time = options.stable_start_time},
      .journal_limits = journal_limits(options),
      .journal_services = std::make_shared<JournalServices>(
          static_cast<std::size_t>(options.journal_total_memory_limit_bytes),
          options.journal_spill_directory.empty() ? settings_.paths.runtime_dir
                                                  : options.journal_spill_directory,
          journal_writes_.runner(loop_.get_executor()), journal_reads_.runner(loop_.get_executor())),
      .client_class = {},
      .recorder = state_.get(),
      .root_dir = root_dir()};
  registrar_ = std::make_unique<KernelRegistrar>(loop_.get_executor(), options.kernel_ip);
  classes_ = std::make_unique<KernelClasses>(
      *catalog_,
      BuiltinClassSettings{
          .local_provisioner = {.transport = options.transport == KernelTransport::ipc
                                                 ? LocalProvisioner::Transport::ipc
                                                 : LocalProvisioner::Transport::tcp,
                                .ip = options.kernel_ip,
                                .runtime_dir = settings_.paths.runtime_dir,
                                .default_prefix =
                                    prefixes.empty() ? std::filesystem::path("/usr") : prefixes.front(),
                                .registrar = registrar_.get(),
                                .registration = options.registration,
                                .lifetime = options.adopt_kernels && state_ != nullptr ? ChildLifetime::own
                                                                                       : ChildLifetime::ours},
          .existing_provisioner = {.runtime_dir = settings_.paths.runtime_dir},
          .heartbeat = {.interval = options.time_to_dead},
          .message_limit_bytes = static_cast<std::size_t>(options.journal_message_limit_bytes)});
  kernels_ = std::make_unique<MultiKernelManager>(
      loop_.get_executor(), catalog_->kernel_specs(),
      [this, kernel_options](KernelLaunch launch) -> std::shared_ptr<KernelManager> {
        auto factories = classes_->factories_for(launch);
        auto kernel = std::make_shared<ProvisionerAwareKernelManager>(loop_.get_executor(), std::move(launch),
                                                                      std::move(factories), kernel_options,
                                                                      catalog_->registry());
        classes_->attach_listeners(*kernel, listeners_);
        return kernel;
      },
      MultiKernelManager::Options{
          .default_kernel_name = options.default_kernel_name,
          .root_dir = options.kernel_root_dir,
          .shutdown_wait_time = options.shutdown_wait_time,
          .culling = {.cull_idle_timeout = options.cull_idle_timeout,
                      .cull_interval = options.cull_interval,
                      .cull_connected = options.cull_connected,
                      .cull_busy = options.cull_busy},
          .pool = {.sizes = options.pool_sizes},
          .max_kernels = static_cast<std::size_t>(options.max_kernels),
          .max_kernels_per_user = static_cast<std::size_t>(options.max_kernels_per_user),
          .base_environment = kernel_base_environment(settings_.environment)});

  ServerSettings server_settings;
  server_settings.token = settings_.token;
  server_settings.hashed_password = options.hashed_password;
  server_settings.users = std::move(*users);
  server_settings.version = NEXTGEN_KERNELS_VERSION;
  server_settings.kernel_environment.client_envs = {options.client_envs.begin(), options.client_envs.end()};
  server_settings.disable_check_xsrf = options.disable_check_xsrf;
  server_settings.authenticate_prometheus = options.authenticate_prometheus;
  server_settings.base_url = options.base_url;
  if (!options.certfile.empty())
    server_settings.tls = TlsFiles{options.certfile, options.keyfile, options.client_ca};
  server_settings.trust_xheaders = options.trust_xheaders;
  server_settings.secure_cookie = options.secure_cookie;
  server_settings.cookie_options = std::move(*cookie_options);
  server_settings.origins = {
      .allow_origin = options.allow_origin,
      .allow_origin_pat = options.allow_origin_pat,
      .allow_credentials = options.allow_credentials,
      // Who comes over a Unix-domain socket is a proxy, or names no host that means anything.
      .allow_remote_access =
          options.allow_remote_access.value_or(!options.sock.empty() || !is_loopback(options.ip)),
      .local_hostnames = options.local_hostnames};
  server_settings.limits.connections = static_cast<std::size_t>(options.max_connections);
  server_settings.limits.waiting_requests = static_cast<std::size_t>(options.max_waiting_requests);
  server_settings.limits.body_bytes = static_cast<std::uint64_t>(options.max_body_size);
  server_settings.websockets.max_message_bytes = static_cast<std::size_t>(options.websocket_max_message_size);
  server_settings.websockets.most_sockets = static_cast<std::size_t>(options.max_websockets);
  server_settings.websockets.ping_interval = options.websocket_ping_interval;
  server_settings.websockets.absent_after = 3 * options.websocket_ping_interval;
  // A closed laptop is waited for about as long as TCP does: what is under way then arrives when it is
  // opened.
  server_settings.websockets.ping_timeout = options.websocket_ping_timeout > std::chrono::milliseconds::zero()
                                                ? options.websocket_ping_timeout
                                                : 30 * options.websocket_ping_interval;
  server_settings.websockets.render = rendering_.runner(loop_.get_executor());
  server_settings.websockets.allowed_message_types = options.allowed_message_types;
  server_settings.websockets.buffer_offline_messages = options.buffer_offline_messages;
  if (options.limit_rate) {
    server_settings.websockets.pace = {.messages_per_second = options.iopub_msg_rate_limit,
                                       .bytes_per_second = options.iopub_data_rate_limit,
                                       .window = options.rate_limit_window};
  }
  if (state_ != nullptr) {
    server_settings.sessions = {.changed = [this](const Session& session) { state_->put(session); },
                                .removed = [this](const std::string& id) { state_->remove_session(id); },
                                .written = [this] { return state_->written(); }};
    kernels_->on_kernel_removed([this](const std::string& id) { state_->remove_sessions_of(id); });
  }
  server_settings.loop_stalls = [this] { return watchdog_ ? watchdog_->stalls() : LoopStalls{}; };
  if (settings_.keeps_state) {
    server_settings.shutdown_requested = [this] {
      if (on_stop_wanted) on_stop_wanted();
    };
  }
  server_settings.registry_models = {
      .registry = [this] { return registry_model(*catalog_); },
      .explain =
          [this](const std::string& provisioner, const std::string& kernel_name) {
            return explain_model(*catalog_, provisioner, kernel_name);
          },
      .doctor = [this] { return doctor_model(*catalog_); }};
  auto server =
      Server::make(loop_.get_executor(), *kernels_, catalog_->kernel_specs(), std::move(server_settings));
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  return {};
}

Result<ServerAddress> Application::bind() {
  const auto& options = settings_.options;
  ServerAddress address{.scheme = options.certfile.empty() ? "http" : "https",
                        .ip = options.ip,
                        .sock = options.sock,
                        .base_path = options.base_url};
  if (!options.sock.empty()) {
    if (auto bound = server_->bind_unix(options.sock, options.sock_mode); !bound)
      return std::unexpected(bound.error());
    return address;
  }
  auto port = bind_port();
  if (!port) return std::unexpected(port.error());
  address.port = *port;
  return address;
}

Result<std::uint16_t> Application::bind_port() {
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

void Application::open_state() {
  const auto& configured = settings_.options.state_directory;
  const auto directory =
      configured.empty() ? settings_.paths.data_dir / "nextgen_kernels" / "state" : configured;
  using enum ServerState::Promise;
  auto state = ServerState::open(loop_.get_executor(), directory,
                                 settings_.options.adopt_kernels ? durable : best_effort);
  if (state)
    state_ = std::move(*state);
  else
    state_problem_ = state.error().message;
}

void Application::run() {
  if (!state_problem_.empty()) log_error("{}", state_problem_);
  watchdog_.emplace(loop_.get_executor());
  start_.spawn("start to serve", adopt_and_serve());
  if (on_no_kernel) start_.spawn("look for kernels", look_for_kernels());
}

/// Beside the serving: this may have to run an interpreter.
Task<void> Application::look_for_kernels() {
  BlockingPool files(1);
  const auto advice = co_await files.run([this] { return advise_without_kernels(catalog_->kernel_specs()); });
  if (advice && !stopping_) on_no_kernel(*advice);
}

Task<void> Application::adopt_and_serve() {
  // Before anybody can ask: a client that does not find its kernel starts another.
  if (state_ != nullptr) co_await adopt_what_is_left();
  if (stopping_) co_return;
  server_->run();
  kernels_->fill_pools();
  if (settings_.options.shutdown_no_activity_timeout > std::chrono::milliseconds::zero() && on_stop_wanted)
    use_watch_.spawn("watch the use of the server", watch_use());
}

Task<void> Application::watch_use() {
  const auto timeout = settings_.options.shutdown_no_activity_timeout;
  auto last_use = Timestamp::clock::now();
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
  while (left > std::chrono::milliseconds::zero()) {
    // What is done meanwhile is noticed at the end; a kernel that ends is use until it is seen to be gone.
    co_await sleep_for(left);
    const auto now = Timestamp::clock::now();
    last_use = std::max(last_use, kernels_->list_kernels().empty() ? server_->last_activity() : now);
    left = std::chrono::ceil<std::chrono::milliseconds>(last_use + timeout - now);
  }
  log_info("No kernel and no request for {} s (ServerApp.shutdown_no_activity_timeout)",
           std::chrono::duration<double>(timeout).count());
  on_stop_wanted();
}

/// One name for one directory.
std::filesystem::path Application::root_dir() const {
  const auto& configured = settings_.options.kernel_root_dir;
  std::error_code failed;
  auto canonical = std::filesystem::weakly_canonical(configured, failed);
  return failed ? configured : canonical;
}

/// A path below another root directory is another file here.
void Application::drop_sessions_of_other_roots(ServerState::Found& found) {
  const auto ours = root_dir();
  for (const auto& kernel : found.kernels) {
    const auto& theirs = kernel.record.root_dir;
    const auto& id = kernel.record.kernel_id;
    if (theirs.empty() || theirs == ours) continue;
    const auto dropped =
        std::erase_if(found.sessions, [&id](const Session& session) { return session.kernel_id == id; });
    state_->remove_sessions_of(id);
    if (dropped == 0) continue;
    log_warning(
        "Kernel {} ({}) loses its session: the server that had started it had the root directory {}, this "
        "one has {}, where the session's path is another file",
        id, kernel.record.kernel_name, theirs.native(), ours.native());
  }
}

Task<void> Application::adopt_what_is_left() {
  auto found = co_await state_->take_left_behind();
  drop_sessions_of_other_roots(found);
  using enum MultiKernelManager::AdoptionPolicy;
  const auto policy = settings_.options.adopt_kernels ? adopt : end;
  co_await kernels_->adopt_kernels(std::move(found.kernels), policy);
  server_->restore_sessions(found.sessions);
  state_->watch();
}

Task<void> Application::stop() {
  using namespace asio::experimental::awaitable_operators;
  stopping_ = true;
  co_await start_.join();
  use_watch_.cancel();
  co_await use_watch_.join();
  co_await (server_->stop(request_grace) && kernels_->shutdown_all(kernel_patience));
  registrar_->stop();
  orphan_reaper_.stop();
  if (state_ != nullptr) co_await state_->leave();
  has_busy_listeners_ = !co_await listeners_.drain(listener_patience);
}

}  // namespace nextgen_kernels
