#include "wire/frame_arena.h"

#include <algorithm>

namespace nextgen_kernels {
namespace {

// A kernel that says little keeps little: blocks grow while they fill up.
constexpr std::size_t first_block = 2 * 1024;
constexpr std::size_t largest_block = 64 * 1024;

}  // namespace

std::shared_ptr<char[]> FrameArena::allocate(std::size_t size) {
  // Beside its neighbours a large frame gains nothing, and would waste the rest of the block before it.
  if (size > largest_block / 8) return std::make_shared_for_overwrite<char[]>(size);
  if (block_size_ - used_ < size) {
    block_size_ = std::clamp(std::max(2 * block_size_, 2 * size), first_block, largest_block);
    block_ = std::make_shared_for_overwrite<char[]>(block_size_);
    used_ = 0;
  }
  std::shared_ptr<char[]> frame(block_, block_.get() + used_);
  used_ += size;
  return frame;
}

}  // namespace nextgen_kernels
