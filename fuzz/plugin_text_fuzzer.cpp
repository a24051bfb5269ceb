#include <string>

#include "fuzzing.h"
#include "plugins/launch_texts.h"

using namespace nextgen_kernels;

// What a plugin hands back is refused, or says the same once it has gone to a plugin and come back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  if (const auto process = read_process(text, OriginalTexts())) {
    OriginalTexts originals;
    const auto written = write_process(*process, originals);
    const auto again = read_process(written, originals);
    require(again && again->argv == process->argv && again->environment == process->environment &&
            again->working_directory == process->working_directory);
  }
  if (const auto request = read_launch_request(text, OriginalTexts())) {
    OriginalTexts originals;
    const auto written = write_launch_request(*request, originals);
    const auto again = read_launch_request(written, originals);
    require(again && again->kernel_id == request->kernel_id && again->environment == request->environment &&
            again->working_directory == request->working_directory);
  }
  return 0;
}
