#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/log.h"
#include "fuzzing.h"
#include "provisioners/local/kernel_registrar.h"
#include "wire/kernel_frames.h"
#include "wire/signer.h"

using namespace nextgen_kernels;

namespace {

constexpr std::string_view key = "a key that no input has";

KernelRegistrar::Frames signed_frames(const std::vector<std::string_view>& parts) {
  static Signer signer = Signer::make("hmac-sha256", std::string(key)).value();
  KernelRegistrar::Frames frames = {std::string(kernel_frame_delimiter), signer.sign(parts)};
  frames.insert(frames.end(), parts.begin(), parts.end());
  return frames;
}

}  // namespace

/// The input's pieces are frames; with an odd first byte, the parts of a message that a kernel has signed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static asio::io_context loop;
  static KernelRegistrar registrar(loop.get_executor(), "127.0.0.1");
  set_log_level(LogLevel::error);
  if (size == 0) return 0;
  if (!registrar.expect("kernel", std::string(key), RegistrationDialect::jupyter)) return 0;
  const auto pieces = split_input(as_text(data + 1, size - 1));
  const bool is_signed = (data[0] & 1) != 0;
  const auto answer = registrar.answer_to(is_signed ? signed_frames(pieces)
                                                    : KernelRegistrar::Frames(pieces.begin(), pieces.end()));
  require(answer.has_value() == registrar.is_registered("kernel"));
  require(is_signed || !answer);
  if (answer) require(answer->size() >= 3 && (*answer)[0] == kernel_frame_delimiter);
  return 0;
}
