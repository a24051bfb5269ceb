#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// What separates routing identities from the message (Jupyter messaging, "The wire protocol").
inline constexpr std::string_view kernel_frame_delimiter = "<IDS|MSG>";

/// One multipart message of a kernel, taken apart. Views into the frames it was split from.
struct KernelFrames {
  std::span<const std::string_view> identities;  ///< On iopub the topic.
  std::string_view signature;
  std::array<std::string_view, 4> parts;  ///< header, parent_header, metadata, content
  std::span<const std::string_view> buffers;
};

/// Splits at the first delimiter. Fails with ErrorCode::protocol when there is none, or when a part after it
/// is missing.
Result<KernelFrames> split_kernel_frames(std::span<const std::string_view> frames);

}  // namespace nextgen_kernels
