#pragma once

#include <string_view>

#include <nextgen_kernels/abi.h>
#include <nlohmann/json.hpp>

namespace nextgen_kernels {

/// What a provisioner or a client of a plugin answers to `adoption_record`; null when it has no such
/// function. What it answers wrongly is null, too, and told in the log, without a word of it: it may be
/// secret.
nlohmann::json ask_adoption_record(std::string_view class_reference, void* self,
                                   void (*function)(void* self, nk_reply reply));

}  // namespace nextgen_kernels
