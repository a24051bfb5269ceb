#pragma once

#include <string_view>

namespace nextgen_kernels {

/// The text of a file of src/app/plugin_template/; empty when there is none of this name.
std::string_view plugin_template_file(std::string_view name);

}  // namespace nextgen_kernels
