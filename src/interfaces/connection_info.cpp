#include "interfaces/connection_info.h"

#include <charconv>

namespace nextgen_kernels {

Result<int> connection_port(const ConnectionInfo& info, std::string_view name) {
  constexpr int highest_port = 65'535;
  std::int64_t port = 0;
  const auto value = info.find(name);
  if (value != info.end() && value->is_number_integer()) port = value->get<std::int64_t>();
  if (value != info.end() && value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) port = 0;
  }
  if (port >= 1 && port <= highest_port) return static_cast<int>(port);
  return make_error(ErrorCode::invalid_argument, "Connection info: {} must be a number from 1 to {}", name,
                    highest_port);
}

}  // namespace nextgen_kernels
