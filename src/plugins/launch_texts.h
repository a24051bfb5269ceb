#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "interfaces/kernel_provisioner.h"
#include "plugins/original_texts.h"
#include "runtime/child_process.h"

namespace nextgen_kernels {

/// A launch request as the JSON object of `nk_provisioner_functions::launch_kernel`, and back.
std::string write_launch_request(const LaunchRequest& request, OriginalTexts& originals);
Result<LaunchRequest> read_launch_request(std::string_view text, const OriginalTexts& originals);

/// An adoption request as the JSON object of `nk_provisioner_functions::adopt_kernel`, and back.
std::string write_adoption_request(const AdoptionRequest& request);
Result<AdoptionRequest> read_adoption_request(std::string_view text);

/// A process as the JSON object of `nk_base_provisioner_hooks::prepare_process`, and back.
std::string write_process(const ProcessDescription& process, OriginalTexts& originals);
Result<ProcessDescription> read_process(std::string_view text, const OriginalTexts& originals);

}  // namespace nextgen_kernels
