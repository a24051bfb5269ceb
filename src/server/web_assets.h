#pragma once

#include <string_view>

namespace nextgen_kernels {

/// A file of `web/`, embedded in the binary when it is built.
struct WebAsset {
  std::string_view name;
  std::string_view content_type;
  std::string_view content;
};

/// The file of this name; nothing when there is none.
const WebAsset* find_web_asset(std::string_view name);

}  // namespace nextgen_kernels
