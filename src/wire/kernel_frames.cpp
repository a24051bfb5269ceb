#include "wire/kernel_frames.h"

#include <algorithm>

namespace nextgen_kernels {

Result<KernelFrames> split_kernel_frames(std::span<const std::string_view> frames) {
  constexpr std::array<std::string_view, 5> required{"signature", "header", "parent_header", "metadata",
                                                     "content"};
  const auto delimiter = std::ranges::find(frames, kernel_frame_delimiter);
  if (delimiter == frames.end())
    return make_error(ErrorCode::protocol, "kernel message of {} frames has no {} delimiter", frames.size(),
                      kernel_frame_delimiter);
  const auto identity_count = static_cast<std::size_t>(delimiter - frames.begin());
  const auto rest = frames.subspan(identity_count + 1);
  if (rest.size() < required.size())
    return make_error(ErrorCode::protocol,
                      "kernel message has no {} frame: {} frames after {}, at least {} needed",
                      required[rest.size()], rest.size(), kernel_frame_delimiter, required.size());
  return KernelFrames{.identities = frames.first(identity_count),
                      .signature = rest[0],
                      .parts = {rest[1], rest[2], rest[3], rest[4]},
                      .buffers = rest.subspan(required.size())};
}

}  // namespace nextgen_kernels
