#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "discovery/json_reader.h"
#include "registry/mapping.h"

namespace nextgen_kernels {

/// Reads what a plugin's manifest says of the clients of a provisioner class: one client's reference, an
/// object with a `client` and the criteria of its mapping (`kernel_names`, `languages`, `kernel_clients`,
/// `labels`, `priority`), or a list of these.
std::vector<TextMapping> read_client_mappings(JsonReader& reader, const std::string& provisioner,
                                              const JsonPlace& place);

/// Reads the mappings of a configuration, each a JSON object like the above with its `provisioner`. An error
/// starts with `name[index]`. A member that is not known is one, too: with a misspelled criterion the mapping
/// would be for other kernels than its author meant.
Result<std::vector<TextMapping>> parse_client_mappings(std::span<const std::string> objects,
                                                       const std::string& name);

/// Reads which kernels a mapping is for, and its priority: the members of the above but for the classes. An
/// error starts with `name`.
Result<MappingOptions> parse_mapping_options(std::string_view text, const std::string& name);

}  // namespace nextgen_kernels
