#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace nextgen_kernels {

/// Ends the run with a report of the input when something that must hold for every input does not.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The pieces of the input between 0xFE bytes, which occur in no UTF-8: one input feeds a parser of many
/// frames.
inline std::vector<std::string_view> split_input(std::string_view input) {
  std::vector<std::string_view> pieces;
  while (true) {
    const auto end = input.find('\xFE');
    pieces.push_back(input.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    input.remove_prefix(end + 1);
  }
}

}  // namespace nextgen_kernels
