#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/jupyter_paths.h"
#include "base/log.h"
#include "config/configuration.h"

namespace nextgen_kernels {

/// How the sockets of a local kernel are reached.
enum class KernelTransport { tcp, ipc };

/// Everything the server can be told, typed and checked; the names and meanings of the traits are in
/// `server_traits.cpp`.
struct ServerOptions {
  std::string ip;  ///< Never empty; `*` stands for all interfaces.
  std::uint16_t port = 0;
  std::int64_t port_retries = 0;
  std::filesystem::path root_dir;  ///< Absolute, an existing directory.
  LogLevel log_level = LogLevel::info;
  std::filesystem::path log_file;       ///< Absolute, or empty: standard error.
  bool authenticate_prometheus = true;  ///< `/metrics` needs the token.
  std::string base_url;                 ///< Begins and ends with '/'.
  std::filesystem::path sock;           ///< Absolute, or empty: listen on `ip` and `port`.
  std::string sock_mode_text;           ///< As it was written; `sock_mode` is what it says.
  std::filesystem::perms sock_mode{};
  std::filesystem::path certfile;   ///< Absolute, or empty: no TLS.
  std::filesystem::path keyfile;    ///< Absolute, or empty: in `certfile`.
  std::filesystem::path client_ca;  ///< Absolute, or empty: clients need no certificate.
  std::string allow_origin;         ///< Empty: only the server's own pages.
  std::string allow_origin_pat;     ///< A regular expression; empty: none.
  bool allow_credentials = false;
  std::optional<bool> allow_remote_access;  ///< None: when `ip` is an address that others reach.
  TextList local_hostnames;
  std::int64_t max_body_size = 0;               ///< Bytes.
  std::int64_t websocket_max_message_size = 0;  ///< Bytes.
  std::int64_t max_connections = 0;             ///< That are no WebSockets.
  std::int64_t max_waiting_requests = 0;
  std::int64_t max_websockets = 0;                           ///< 0: no limit.
  std::chrono::milliseconds websocket_ping_interval{};       ///< Zero: no pings.
  std::chrono::milliseconds websocket_ping_timeout{};        ///< Zero: by the interval.
  std::chrono::milliseconds shutdown_no_activity_timeout{};  ///< Zero: never.
  bool disable_check_xsrf = false;
  bool trust_xheaders = false;

  std::optional<bool> secure_cookie;  ///< None: when the client speaks TLS.
  Dictionary cookie_options;          ///< As `parse_cookie_options` reads them.
  std::optional<std::string> token;   ///< None: make one, unless there is a password. Empty: none.
  std::string hashed_password;        ///< Empty: none.
  ObjectList users;                   ///< As `parse_users` reads them.

  std::string default_kernel_name;
  std::chrono::milliseconds kernel_info_timeout{};
  std::filesystem::path kernel_root_dir;          ///< Absolute, an existing directory.
  std::chrono::milliseconds cull_idle_timeout{};  ///< Zero: never.
  std::chrono::milliseconds cull_interval{};
  bool cull_connected = false;
  bool cull_busy = false;
  TextList allowed_message_types;                 ///< Empty: all.
  bool allow_tracebacks = true;                   ///< Checked: nothing else is possible.
  std::string transport_encryption;               ///< Checked: never `required`.
  std::int64_t max_kernels = 0;                   ///< 0: no limit.
  std::int64_t max_kernels_per_user = 0;          ///< 0: no limit.
  Dictionary pool;                                ///< As it was written; `pool_sizes` is what it says.
  std::map<std::string, std::size_t> pool_sizes;  ///< Kernels to keep ready, by kernel spec.

  std::chrono::milliseconds shutdown_wait_time{};
  bool autorestart = false;
  KernelTransport transport = KernelTransport::tcp;
  std::string kernel_ip;
  Dictionary registration;  ///< By kernel spec: `jupyter`, `kallichore` or `none`.
  std::int64_t restart_limit = 0;
  std::chrono::milliseconds stable_start_time{};
  std::chrono::milliseconds time_to_dead{};  ///< Between two heartbeats; upstream's name.

  bool adopt_kernels = false;
  std::filesystem::path state_directory;  ///< Absolute; empty: in Jupyter's data directory.

  TextList client_envs;  ///< Environment variables that clients may set; `*`: any.

  bool ensure_native_kernel = false;
  TextList allowed_kernelspecs;  ///< Empty: all.

  std::string default_provisioner_name;
  std::string fallback_client_class;        ///< A class reference; empty: no fallback.
  bool fallback_client_is_default = false;  ///< Nobody configured it: a program may set another.
  Dictionary provisioner_client_mappings;   ///< Class references.
  ObjectList conditional_client_mappings;   ///< As `parse_client_mappings` reads them.
  ObjectList class_options;                 ///< As `parse_class_options` reads them.
  TextList plugin_path;                     ///< Absolute.
  TextList python_path;                     ///< Absolute; empty: those of the environment in use.

  bool buffer_offline_messages = false;
  bool limit_rate = false;
  double iopub_msg_rate_limit = 0;   ///< Messages per second; 0: no limit.
  double iopub_data_rate_limit = 0;  ///< Bytes per second; 0: no limit.
  std::chrono::milliseconds rate_limit_window{};

  std::int64_t journal_memory_limit_bytes = 0;  ///< Of one kernel.
  std::int64_t journal_memory_limit_messages = 0;
  std::int64_t journal_retained_memory_bytes = 0;
  std::int64_t journal_total_memory_limit_bytes = 0;  ///< Of all kernels together.
  std::int64_t journal_message_limit_bytes = 0;       ///< Of one message.
  std::int64_t journal_spill_limit_bytes = 0;         ///< Of one kernel; 0: nothing is written to disk.
  std::filesystem::path journal_spill_directory;  ///< Absolute, an existing directory; empty: runtime_dir.

  std::vector<std::string> warnings;  ///< Of what was said; to be logged.
};

/// The options that a configuration of `server_trait_table()` says. Paths are made absolute (`~` is the home
/// directory) and directories must exist.
Result<ServerOptions> make_server_options(const Configuration& configuration, const Environment& environment);

}  // namespace nextgen_kernels
