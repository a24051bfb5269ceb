#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nextgen_kernels/host.h>
#include <nextgen_kernels/json.h>

namespace nextgen_kernels::plugin {

/// For which kernels a mapping is: each field that is not empty must hold, by one of its values. Of several
/// mappings that a program made for one provisioner, the one with the highest priority that matches is used.
struct MappingOptions {
  std::vector<std::string> kernel_names = {};
  std::vector<std::string> languages = {};
  std::vector<std::string> kernel_clients = {};    ///< `metadata.kernel_client` of kernel specs.
  std::map<std::string, std::string> labels = {};  ///< `metadata.labels` of kernel specs; all must be there.
  int priority = 0;
};

namespace detail {

/// What this library exports; null before it is loaded. Of this library alone, as `host`.
[[gnu::visibility("hidden")]] inline const nk_plugin* library = nullptr;

inline std::string to_json_text(const MappingOptions& options) {
  Json json = Json::object({{"priority", options.priority}});
  const auto add_list = [&json](std::string_view name, const std::vector<std::string>& values) {
    for (const auto& value : values) json[name].push_back(value);
  };
  add_list("kernel_names", options.kernel_names);
  add_list("languages", options.languages);
  add_list("kernel_clients", options.kernel_clients);
  for (const auto& [name, value] : options.labels) json["labels"][name] = value;
  return json.dump();
}

}  // namespace detail

/// Maps a provisioner class to the client class for its kernels, as the server's registry does: each is
/// `module:Class` or `module.Class`, of whatever package, and need not be loaded. It counts for kernels that
/// start from then on. From any thread; mostly in the function of NEXTGEN_KERNELS_ON_LOAD. Throws when a
/// reference is malformed, when the two classes do not fit, and in a server that is too old.
inline void register_from_string(std::string_view provisioner, std::string_view client,
                                 const MappingOptions& options = {}) {
  constexpr auto end = offsetof(nk_host, register_client) + sizeof(nk_host::register_client);
  if (!detail::reaches(detail::host, end))
    throw Error(ErrorCode::unavailable, "nextgen-kernels " + std::string(server_version()) +
                                            " does not let plugins register clients: map " +
                                            std::string(provisioner) + " to " + std::string(client) +
                                            " by an entry point of the manifest");
  const auto text = detail::to_json_text(options);
  detail::Answer answer;
  detail::host->register_client(detail::host->library, detail::to_abi(provisioner), detail::to_abi(client),
                                detail::to_abi(text), answer.reply());
  static_cast<void>(answer.text());
}

}  // namespace nextgen_kernels::plugin
