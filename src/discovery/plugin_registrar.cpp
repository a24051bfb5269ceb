#include "discovery/plugin_registrar.h"

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "discovery/client_mapping_json.h"

namespace nextgen_kernels {

/// Shared with the libraries, which outlive the registrar.
struct PluginRegistrar::State {
  std::mutex mutex;
  KernelClientRegistry* registry;  // Null once the registrar is gone.
  std::map<const PluginManifest*, const Library*> libraries;
  std::map<std::string, RegistryProblem> problems;  // By what was to be registered.

  Result<void> register_client(const std::string& source, std::string_view provisioner,
                               std::string_view client, std::string_view options_text) {
    MappingOptions options;
    if (!options_text.empty()) {
      auto read = parse_mapping_options(options_text, "The options of register_client");
      if (!read) return std::unexpected(read.error());
      options = *std::move(read);
    }
    options.source = source;
    const auto registered = registry->register_from_string(provisioner, client, std::move(options));
    if (!registered) return std::unexpected(registered.error());
    return {};
  }
};

/// This program's side of one library of a plugin.
struct PluginRegistrar::Library {
  nk_host host;
  std::string source;
  std::shared_ptr<State> state;

  /// Keeps it for the life of the process.
  static const Library& keep(Library library) {
    static std::mutex mutex;
    static auto& kept = *new std::deque<Library>;
    const std::lock_guard lock(mutex);
    auto& added = kept.emplace_back(std::move(library));
    added.host.library = reinterpret_cast<nk_library*>(&added);
    return added;
  }
};

PluginRegistrar::PluginRegistrar(KernelClientRegistry& registry) : state_(std::make_shared<State>()) {
  state_->registry = &registry;
}

PluginRegistrar::~PluginRegistrar() {
  const std::lock_guard lock(state_->mutex);
  state_->registry = nullptr;
}

const nk_host& PluginRegistrar::host_for(const PluginManifest& manifest, const nk_host& host) {
  const std::lock_guard lock(state_->mutex);
  auto& library = state_->libraries[&manifest];
  if (library == nullptr)
    library = &Library::keep({.host = host, .source = manifest.describe(), .state = state_});
  return library->host;
}

std::vector<RegistryProblem> PluginRegistrar::problems() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<RegistryProblem> problems;
  for (const auto& [what, problem] : state_->problems) problems.push_back(problem);
  return problems;
}

Result<void> PluginRegistrar::register_client(nk_library* handle, std::string_view provisioner,
                                              std::string_view client, std::string_view options) {
  if (handle == nullptr) return {};  // Of a library that is only tried.
  const auto& library = *reinterpret_cast<const Library*>(handle);
  auto& state = *library.state;
  const auto subject = printable(provisioner);
  const auto wanted = printable(client);
  const std::lock_guard lock(state.mutex);
  if (state.registry == nullptr)
    return make_error(ErrorCode::unavailable, "{} cannot be mapped to {}: the server is stopping", subject,
                      wanted);
  const auto key = fmt::format("{}\n{}\n{}", library.source, subject, wanted);
  auto registered = state.register_client(library.source, provisioner, client, options);
  if (registered) {
    state.problems.erase(key);
    return {};
  }
  const auto message =
      fmt::format("{} could not map it to {}: {}", library.source, wanted, registered.error().message);
  log_warning("{}: {}", subject, message);
  state.problems.insert_or_assign(key, RegistryProblem{subject, library.source, message});
  return registered;
}

}  // namespace nextgen_kernels
