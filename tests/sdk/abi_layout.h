#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nextgen_kernels {

/// One thing that the plugin ABI fixes: where a member of a struct is, or the value of a name.
struct AbiFact {
  std::string name;
  std::size_t offset = 0;  ///< Of constants: the value.
  std::size_t size = 0;    ///< Of constants: 0.
};

/// The size of a struct of the ABI; one with a `size` of its own may grow.
struct AbiSize {
  std::string name;
  std::size_t size = 0;
  bool may_grow = false;
};

struct AbiLayout {
  std::vector<AbiFact> facts;
  std::vector<AbiSize> sizes;
};

AbiLayout live_abi_layout();
AbiLayout abi_v1_layout();

}  // namespace nextgen_kernels
