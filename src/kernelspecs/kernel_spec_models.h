#pragma once

#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernelspecs/kernel_spec.h"
#include "kernelspecs/kernel_spec_manager.h"

namespace nextgen_kernels {

/// The model of `GET /api/kernelspecs/<name>`; `base_url` is the server's, such as `/` or `/jupyter/`.
nlohmann::ordered_json kernel_spec_model(const KernelSpec& spec, std::string_view base_url);

/// The model of `GET /api/kernelspecs`: the usable specs, the default one first, because a client that does
/// not find the default takes the first.
nlohmann::ordered_json kernel_specs_model(const std::vector<KernelSpecEntry>& entries,
                                          std::string_view default_name, std::string_view base_url);

}  // namespace nextgen_kernels
