#include "discovery/plugin_manifest.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = parse_plugin_manifest(as_text(data, size), "/plugins/fuzzed.json");
  if (!parsed) {
    require(parsed.error().message.starts_with("/plugins/fuzzed.json: "));
    return 0;
  }
  const auto& manifest = parsed->manifest;
  require(!manifest.package.empty() && !manifest.version.empty());
  require(manifest.classes.empty() || manifest.library.is_absolute());
  require(manifest.class_declarations().size() <= manifest.classes.size());
  for (const auto& one : manifest.classes)
    for (const auto& option : one.options)
      require(!option.default_value || accepts(option.type, *option.default_value));
  return 0;
}
