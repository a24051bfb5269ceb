#include <string>

#include "fuzzing.h"
#include "kernels/output_folder.h"

using namespace nextgen_kernels;

// Whatever a kernel publishes, the outputs are those of nbformat, within the bound.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t bound = 4096;
  OutputFolder folder(bound);
  const auto pieces = split_input(as_text(data, size));
  for (std::size_t i = 0; i + 1 < pieces.size(); i += 2) folder.add(pieces[i], pieces[i + 1]);
  std::size_t text_bytes = 0;
  for (const auto& output : folder.outputs()) {
    const auto& type = output.at("output_type").get_ref<const std::string&>();
    if (type == "stream") {
      require(output.at("name") == "stdout" || output.at("name") == "stderr");
      text_bytes += output.at("text").get_ref<const std::string&>().size();
    } else if (type == "error") {
      require(output.at("ename").is_string() && output.at("evalue").is_string());
      require(output.at("traceback").is_array());
    } else {
      require(type == "display_data" || type == "execute_result");
      require(output.at("data").is_object() && output.at("metadata").is_object());
      require(output.contains("execution_count") == (type == "execute_result"));
    }
  }
  require(text_bytes <= bound);
  (void)folder.outputs().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return 0;
}
