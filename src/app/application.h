#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "app/kernel_catalog.h"
#include "app/kernel_classes.h"
#include "app/server_state.h"
#include "app/server_url.h"
#include "base/error.h"
#include "base/jupyter_paths.h"
#include "config/server_options.h"
#include "kernels/multi_kernel_manager.h"
#include "kernelspecs/kernel_advice.h"
#include "plugins/plugin_listeners.h"
#include "provisioners/local/kernel_registrar.h"
#include "runtime/blocking_pool.h"
#include "runtime/loop_watchdog.h"
#include "runtime/orphan_reaper.h"
#include "server/server.h"

namespace nextgen_kernels {

/// What the operator said, and where we are: the input of everything else.
struct ApplicationSettings {
  Environment environment;
  JupyterPaths paths;
  ServerOptions options;
  std::string token;
  std::filesystem::path program;  ///< This program, which tries libraries of plugins; empty: it does not.
  /// False for a server of one command: nobody looks for its kernels, and it for nobody's, and nobody but it
  /// ends it.
  bool keeps_state = true;
};

/// Owns the parts of the program and wires them: the catalog of kernels, the kernels, the server. The catalog
/// is complete before anything is served. One event loop, `loop`, runs all of it.
class Application {
 public:
  /// Fails when the configuration cannot be carried out.
  static Result<std::unique_ptr<Application>> make(ApplicationSettings settings);

  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  asio::io_context& loop() { return loop_; }
  const KernelCatalog& catalog() const { return *catalog_; }

  /// Listens on the configured socket, or address: there on the configured port, or the next free one after
  /// it (`port_retries`).
  Result<ServerAddress> bind();

  /// Called when the server should end: nobody has used it for `shutdown_no_activity_timeout`, or somebody
  /// asked it to. Set before `run`; must not end it at once.
  std::function<void()> on_stop_wanted;

  /// Called once soon after `run` when no kernel can be started here; set before.
  std::function<void(const KernelAdvice&)> on_no_kernel;

  /// Takes over what a server that is gone left behind, then begins to serve; in the background.
  void run();

  /// Refuses what is new, then ends sockets, requests and kernels, and lets listeners of plugins see the
  /// rest.
  Task<void> stop();

  /// True when after `stop` threads still run code of plugins: the process must end without ending this
  /// first.
  bool has_busy_listeners() const { return has_busy_listeners_; }

  /// Lets `stop` wait for no kernel any longer: kills them.
  void kill_kernels() { kernels_->kill_all(); }

 private:
  explicit Application(ApplicationSettings settings);

  Result<void> set_up();
  Result<std::uint16_t> bind_port();
  void open_state();
  Task<void> adopt_and_serve();
  Task<void> adopt_what_is_left();
  void drop_sessions_of_other_roots(ServerState::Found& found);
  std::filesystem::path root_dir() const;
  Task<void> watch_use();
  Task<void> look_for_kernels();

  ApplicationSettings settings_;
  asio::io_context loop_{1};
  OrphanReaper orphan_reaper_{loop_.get_executor()};
  BlockingPool journal_writes_{1};  // To the files of the journals.
  BlockingPool rendering_{1};
  BlockingPool journal_reads_{1};
  std::unique_ptr<ServerState> state_;  // Null: it is not kept.
  std::string state_problem_;           // Why it cannot be; told once there is a log.
  std::unique_ptr<KernelRegistrar> registrar_;
  std::unique_ptr<KernelCatalog> catalog_;
  std::unique_ptr<KernelClasses> classes_;
  PluginListeners listeners_{loop_.get_executor()};
  std::unique_ptr<MultiKernelManager> kernels_;
  std::unique_ptr<Server> server_;
  std::optional<LoopWatchdog> watchdog_;  // From `run` on.
  TaskGroup start_{loop_.get_executor()};
  TaskGroup use_watch_{loop_.get_executor()};
  bool stopping_ = false;
  bool has_busy_listeners_ = false;
};

}  // namespace nextgen_kernels
