#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/multi_kernel_manager.h"
#include "kernelspecs/kernel_spec_manager.h"
#include "runtime/loop_watchdog.h"
#include "runtime/task.h"
#include "server/cookie_options.h"
#include "server/http_server.h"
#include "server/kernel_environment.h"
#include "server/kernel_websocket.h"
#include "server/origin_policy.h"
#include "server/registry_handlers.h"
#include "server/session_manager.h"
#include "server/user.h"

namespace nextgen_kernels {

struct ServerSettings {
  std::string token;                    ///< Of the server's own user. Empty: none.
  std::string hashed_password;          ///< The same; see `hash_password`.
  std::vector<User> users;              ///< Others. With none of these, everybody may do everything.
  std::string base_url = "/";           ///< Starts and ends with '/'.
  std::string version;                  ///< What `/api` tells.
  bool authenticate_prometheus = true;  ///< `/metrics` needs the token, too.
  /// Until somebody who tried to log in is told that it was wrong.
  std::chrono::steady_clock::duration wait_after_failed_login = std::chrono::seconds(1);
  bool disable_check_xsrf = false;  ///< See `Authenticator::Settings::check_xsrf`.
  KernelEnvironmentRules kernel_environment = {};
  OriginSettings origins;
  HttpLimits limits;
  std::optional<TlsFiles> tls = std::nullopt;
  bool trust_xheaders = false;             ///< See `read_forwarded_headers`.
  std::optional<bool> secure_cookie = {};  ///< See `Authenticator::Settings`, as the next.
  CookieOptions cookie_options = {};
  KernelWebSocketSettings websockets;
  /// The `Content-Security-Policy` of API responses; `{base_url}` stands for the base URL.
  std::string content_security_policy =
      "frame-ancestors 'self'; report-uri {base_url}api/security/csp-report; default-src 'none'";
  RegistryModels registry_models = {};
  SessionObserver sessions = {};
  /// What the watchdog of the event loop has seen.
  std::function<LoopStalls()> loop_stalls = [] { return LoopStalls{}; };
  /// Called when somebody asks the server to end (`POST /api/shutdown`), after the answer is on its way. Must
  /// not end the server at once. Empty: nobody may ask.
  std::function<void()> shutdown_requested = {};
};

/// The HTTP and WebSocket server: Jupyter's kernel, kernel spec and session API, and the page at its root.
/// Owned by the application; on one executor, the kernels'. The managers outlive it.
///
/// Life: `make`, `bind` (one or more times), `run`, `stop`. After `stop` has ended nothing of it runs any
/// more.
class Server {
 public:
  /// Fails with `invalid_argument` when a setting makes no sense.
  static Result<std::unique_ptr<Server>> make(Executor executor, MultiKernelManager& kernels,
                                              KernelSpecManager& specs, ServerSettings settings);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Listens on an address and a port (0: a free one); ends with the port. See `HttpServer::bind`.
  Result<std::uint16_t> bind(const std::string& ip, std::uint16_t port);

  /// Listens on a Unix-domain socket. See `HttpServer::bind_unix`.
  Result<void> bind_unix(const std::filesystem::path& path, std::filesystem::perms permissions);

  /// Takes over sessions of a server that is gone; those whose kernels are not here are dropped.
  void restore_sessions(const std::vector<Session>& sessions);

  /// Begins to answer.
  void run();

  /// When there was last a request that counts as activity, or something happened in a kernel.
  Timestamp last_activity() const;

  /// Refuses what is new, closes WebSockets with 1012 (their clients will connect again), and lets requests
  /// under way finish within `grace`.
  Task<void> stop(std::chrono::steady_clock::duration grace);

 private:
  class Service;
  explicit Server(std::unique_ptr<Service> service);

  std::unique_ptr<Service> service_;
};

}  // namespace nextgen_kernels
