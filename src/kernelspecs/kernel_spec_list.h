#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernelspecs/kernel_spec_manager.h"

namespace nextgen_kernels {

enum class KernelSpecListContent { usable, all };
enum class KernelSpecListFormat { table, json };

/// What `nextgen-kernels kernelspec list` prints, with its final newline. Usable specs look as in
/// `jupyter kernelspec list [--json]`; `all` adds a second table, in JSON a member `unavailable`, of the
/// specs that cannot be used and why. Control characters in names and messages are escaped in the table.
std::string render_kernel_spec_list(const std::vector<KernelSpecEntry>& entries,
                                    KernelSpecListContent content, KernelSpecListFormat format);

/// What to tell a person who asked for a kernel spec that `get_kernel_spec` could not give: what is wrong
/// with it, or which one was meant.
std::string explain_kernel_spec(const std::vector<KernelSpecEntry>& entries, std::string_view name);

}  // namespace nextgen_kernels
