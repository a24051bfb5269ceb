#include "config/server_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "config/server_traits.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

// The table has checked types and ranges; each of these takes a value of the one type that its field's rows
// have.

void store(const TraitValue& value, bool& field) {
  field = std::get<bool>(value);
}
void store(const TraitValue& value, std::int64_t& field) {
  field = std::get<std::int64_t>(value);
}
void store(const TraitValue& value, std::uint16_t& field) {
  field = static_cast<std::uint16_t>(std::get<std::int64_t>(value));
}
void store(const TraitValue& value, double& field) {
  field = std::get<double>(value);
}
void store(const TraitValue& value, std::chrono::milliseconds& field) {
  field = std::chrono::milliseconds(std::llround(std::get<double>(value) * 1000));
}
void store(const TraitValue& value, std::string& field) {
  field = std::get<std::string>(value);
}
void store(const TraitValue& value, std::optional<std::string>& field) {
  field =
      std::holds_alternative<std::string>(value) ? std::optional(std::get<std::string>(value)) : std::nullopt;
}
void store(const TraitValue& value, std::optional<bool>& field) {
  field = std::holds_alternative<bool>(value) ? std::optional(std::get<bool>(value)) : std::nullopt;
}
void store(const TraitValue& value, fs::path& field) {
  field = std::get<std::string>(value);
}
void store(const TraitValue& value, TextList& field) {
  field = std::get<TextList>(value);
}
void store(const TraitValue& value, Dictionary& field) {
  field = std::get<Dictionary>(value);
}
void store(const TraitValue& value, ObjectList& field) {
  field = std::get<ObjectList>(value);
}
void store(const TraitValue& value, KernelTransport& field) {
  field = std::get<std::string>(value) == "ipc" ? KernelTransport::ipc : KernelTransport::tcp;
}
void store(const TraitValue& value, LogLevel& field) {
  const auto& name = std::get<std::string>(value);
  if (name == "DEBUG" || name == "NOTSET")
    field = LogLevel::debug;
  else if (name == "INFO")
    field = LogLevel::info;
  else
    field = name == "WARNING" ? LogLevel::warning : LogLevel::error;
}

fs::path absolute_path(const fs::path& path, const Environment& environment) {
  const auto& text = path.native();
  const bool in_home = text == "~" || text.starts_with("~/");
  const auto expanded =
      in_home ? home_directory(environment) / text.substr(std::min<std::size_t>(text.size(), 2)) : path;
  std::error_code error;
  const auto absolute = fs::absolute(expanded, error).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

Result<void> require_directory(const fs::path& path, std::string_view trait) {
  std::error_code error;
  if (fs::is_directory(path, error)) return {};
  return make_error(ErrorCode::invalid_argument, "{}: there is no directory {}", trait, path.native());
}

Result<std::map<std::string, std::size_t>> parse_pool_sizes(const Dictionary& pool) {
  constexpr std::size_t largest = 1000;
  std::map<std::string, std::size_t> sizes;
  for (const auto& [name, text] : pool) {
    std::size_t size = largest + 1;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, size);
    if (parsed.ec != std::errc{} || parsed.ptr != end || size > largest) {
      return make_error(
          ErrorCode::invalid_argument,
          "MappingKernelManager.pool: '{}' is no number of {} kernels: it must be a whole number "
          "from 0 to {}",
          text, name, largest);
    }
    sizes.emplace(name, size);
  }
  return sizes;
}

Result<void> check_registration(const Dictionary& registration) {
  for (const auto& [name, dialect] : registration) {
    if (dialect == "jupyter" || dialect == "kallichore" || dialect == "none") continue;
    return make_error(ErrorCode::invalid_argument,
                      "LocalProvisioner.registration: '{}' of {} must be jupyter, kallichore or none",
                      dialect, name);
  }
  return {};
}

/// Octal digits, as chmod takes them.
Result<fs::perms> parse_mode(const std::string& text) {
  unsigned mode = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, mode, 8);
  if (parsed.ec != std::errc{} || parsed.ptr != end || mode > 0777) {
    return make_error(ErrorCode::invalid_argument,
                      "ServerApp.sock_mode: '{}' are no permissions: give octal digits, such as 0600", text);
  }
  return static_cast<fs::perms>(mode);
}

/// As upstream: the slashes at both ends may be left out.
std::string normalize_base_url(std::string url) {
  if (!url.starts_with('/')) url.insert(0, 1, '/');
  if (!url.ends_with('/')) url += '/';
  return url;
}

Result<void> require_file(const fs::path& path, std::string_view trait) {
  std::error_code error;
  if (path.empty() || fs::is_regular_file(path, error)) return {};
  return make_error(ErrorCode::invalid_argument, "{}: there is no file {}", trait, path.native());
}

/// Makes the paths of TLS and of the socket absolute, and checks what can be checked of them.
Result<void> settle_transport(ServerOptions& options, const Environment& environment) {
  for (auto* path : {&options.sock, &options.certfile, &options.keyfile, &options.client_ca})
    if (!path->empty()) *path = absolute_path(*path, environment);
  auto mode = parse_mode(options.sock_mode_text);
  if (!mode) return std::unexpected(mode.error());
  options.sock_mode = *mode;
  if (options.certfile.empty() && (!options.keyfile.empty() || !options.client_ca.empty())) {
    return make_error(ErrorCode::invalid_argument, "{} needs ServerApp.certfile as well",
                      options.keyfile.empty() ? "ServerApp.client_ca" : "ServerApp.keyfile");
  }
  if (!options.sock.empty() && !options.certfile.empty()) {
    return make_error(ErrorCode::invalid_argument,
                      "ServerApp.sock and ServerApp.certfile exclude each other: a Unix-domain socket does "
                      "not leave this machine, and has no TLS");
  }
  if (auto found = require_file(options.certfile, "ServerApp.certfile"); !found) return found;
  if (auto found = require_file(options.keyfile, "ServerApp.keyfile"); !found) return found;
  return require_file(options.client_ca, "ServerApp.client_ca");
}

/// Upstream's readings of numbers that mean nothing by themselves.
void settle_culling(ServerOptions& options) {
  constexpr auto usual_interval = std::chrono::seconds(300);
  using std::chrono::milliseconds;
  options.cull_idle_timeout = std::max(options.cull_idle_timeout, milliseconds::zero());
  if (options.cull_interval > milliseconds::zero()) return;
  options.cull_interval = usual_interval;
  options.warnings.push_back(fmt::format("MappingKernelManager.cull_interval must be more than 0: {} is used",
                                         usual_interval.count()));
}

/// What would be dangerous to accept and not to do is refused; what is dangerous is told.
Result<void> check_protection(ServerOptions& options) {
  if (!options.allow_tracebacks) {
    return make_error(
        ErrorCode::invalid_argument,
        "MappingKernelManager.allow_tracebacks=False is not possible: this server relays what kernels say as "
        "it is, tracebacks included. Have the kernels print none, or remove the option");
  }
  if (options.transport_encryption == "required") {
    return make_error(
        ErrorCode::invalid_argument,
        "MappingKernelManager.transport_encryption=required is not possible: this server does not encrypt "
        "its connections to kernels. Set KernelManager.transport to ipc, which other users of the machine "
        "cannot reach, and remove the option");
  }
  if (options.transport_encryption == "auto") {
    options.warnings.emplace_back(
        "MappingKernelManager.transport_encryption=auto: connections to kernels are not encrypted here. "
        "KernelManager.transport=ipc keeps other users of the machine out");
  }
  if (options.disable_check_xsrf) {
    options.warnings.emplace_back(
        "ServerApp.disable_check_xsrf: only the Origin header keeps other sites from running code here "
        "through the browser of somebody who is logged in");
  }
  return {};
}

}  // namespace

Result<ServerOptions> make_server_options(const Configuration& configuration,
                                          const Environment& environment) {
  ServerOptions options;
  const auto& definitions = server_trait_table().traits();
  for (std::size_t row = 0; row < server_traits().size(); ++row)
    std::visit([&](auto member) { store(configuration.value(definitions[row]), options.*member); },
               server_traits()[row].field);

  if (const auto fallback = server_trait_table().resolve("KernelClientRegistry.fallback_client_class"))
    options.fallback_client_is_default =
        configuration.sources(*fallback->definition).front().kind == ValueSource::Kind::default_value;
  settle_culling(options);
  if (auto checked = check_protection(options); !checked) return std::unexpected(checked.error());
  if (auto checked = check_registration(options.registration); !checked)
    return std::unexpected(checked.error());
  auto pool_sizes = parse_pool_sizes(options.pool);
  if (!pool_sizes) return std::unexpected(pool_sizes.error());
  options.pool_sizes = std::move(*pool_sizes);
  if (auto settled = settle_transport(options, environment); !settled)
    return std::unexpected(settled.error());
  options.base_url = normalize_base_url(std::move(options.base_url));
  if (options.ip.empty()) options.ip = "*";
  options.root_dir = absolute_path(options.root_dir.empty() ? fs::path(".") : options.root_dir, environment);
  options.kernel_root_dir = options.kernel_root_dir.empty()
                                ? options.root_dir
                                : absolute_path(options.kernel_root_dir, environment);
  for (auto* path : {&options.plugin_path, &options.python_path})
    for (auto& directory : *path) directory = absolute_path(directory, environment).native();
  if (!options.journal_spill_directory.empty()) {
    options.journal_spill_directory = absolute_path(options.journal_spill_directory, environment);
    if (auto checked = require_directory(options.journal_spill_directory, "KernelJournal.spill_directory");
        !checked)
      return std::unexpected(checked.error());
  }
  if (!options.state_directory.empty())
    options.state_directory = absolute_path(options.state_directory, environment);
  if (!options.log_file.empty()) options.log_file = absolute_path(options.log_file, environment);
  if (auto checked = require_directory(options.root_dir, "ServerApp.root_dir"); !checked)
    return std::unexpected(checked.error());
  if (auto checked = require_directory(options.kernel_root_dir, "MappingKernelManager.root_dir"); !checked)
    return std::unexpected(checked.error());
  return options;
}

}  // namespace nextgen_kernels
