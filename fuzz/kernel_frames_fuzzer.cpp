#include "fuzzing.h"
#include "wire/kernel_frames.h"
#include "wire/message.h"

using namespace nextgen_kernels;

// Frames that are split are all there, and a message made of them keeps them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frames = split_input(as_text(data, size));
  const auto split = split_kernel_frames(frames);
  if (!split) return 0;
  require(split->identities.size() + 6 + split->buffers.size() == frames.size());
  const auto made = Message::make(Channel::iopub, split->parts, split->buffers);
  if (!made) return 0;
  const auto& message = **made;
  require(message.parts() == split->parts);
  require(message.buffer_count() == split->buffers.size());
  for (std::size_t i = 0; i < split->buffers.size(); ++i) require(message.buffer(i) == split->buffers[i]);
  return 0;
}
