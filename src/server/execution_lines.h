#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "kernels/execution.h"

namespace nextgen_kernels {

/// The JSON text without line breaks, as JSON lines need it. What kernels are known to get wrong is repaired;
/// what is not JSON at all becomes `{}`.
std::string json_on_one_line(std::string_view json);

/// A message that an execution published, as one line: `{"type":"message","msg_type":…,"content":…}`. The
/// content is spliced in unparsed; buffers are in base64.
std::string execution_message_line(const Message& message);

/// What became of an execution: its `status`, and what the kernel replied.
nlohmann::ordered_json execution_result(const Execution& execution);

}  // namespace nextgen_kernels
