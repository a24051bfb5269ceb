#include <map>
#include <string>

#include "fuzzing.h"
#include "kernelspecs/kernel_spec.h"
#include "kernelspecs/launch_template.h"

using namespace nextgen_kernels;

// A spec that is understood is understood again from what the API says of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto spec = parse_kernel_spec("fuzzed", "/nowhere", as_text(data, size));
  if (!spec) {
    require(!spec.error().message.empty());
    return 0;
  }
  // A provisioner that starts nothing by a command needs none.
  require(spec->argv.empty() ? !spec->provisioner.name.empty() : !spec->argv.front().empty());
  const std::map<std::string, std::string> base = {
      {"HOME", "/home"}, {"A", "value"}, {"PYTHONEXECUTABLE", "x"}};
  for (const auto& [name, value] : kernel_environment(*spec, base)) {
    require(!name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos);
    require(value.find('\0') == std::string::npos);
  }
  if (spec->argv.empty()) return 0;
  const auto text = spec->to_json().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  const auto again = parse_kernel_spec("fuzzed", "/nowhere", text);
  require(again && again->argv.size() == spec->argv.size());
  return 0;
}
