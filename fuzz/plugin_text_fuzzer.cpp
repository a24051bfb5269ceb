#include <string>

#include "fuzzing.h"
#include "plugins/abi_text.h"
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
  if (const auto request = read_adoption_request(text)) {
    const auto again = read_adoption_request(write_adoption_request(*request));
    require(again && again->kernel_id == request->kernel_id && again->record == request->record &&
            again->connection_info == request->connection_info);
  }
  // What is kept of a record is read again with the kernel's own, by another server.
  if (const auto record = parse_recorded_json(text, "text")) {
    const auto again = parse_recorded_json(to_json_text(*record), "text");
    require(again && *again == *record);
  }
  return 0;
}
