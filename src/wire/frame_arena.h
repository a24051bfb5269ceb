#pragma once

#include <cstddef>
#include <memory>

namespace nextgen_kernels {

/// Memory for the frames of messages that are made one after the other: they lie side by side, so that one
/// piece of a gather write carries many of them. A block is freed when the last message in it is. Belongs to
/// whoever makes a kernel's messages; not for several threads.
class FrameArena {
 public:
  /// Uninitialized memory for one frame, alive as long as the pointer.
  std::shared_ptr<char[]> allocate(std::size_t size);

 private:
  std::shared_ptr<char[]> block_;
  std::size_t block_size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace nextgen_kernels
