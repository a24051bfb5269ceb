#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "base/file_descriptor.h"
#include "config/configuration_files.h"
#include "config/server_traits.h"
#include "config/trait_json.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

// A configuration file is refused, or each value that it gives can be written into one, and means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FileDescriptor file(memfd_create("configuration", MFD_CLOEXEC));
  require(write(file.get(), data, size) == static_cast<ssize_t>(size));
  const auto path = "/proc/self/fd/" + std::to_string(file.get());

  const auto& table = server_trait_table();
  Configuration configuration(table);
  if (const auto applied = apply_configuration_file(configuration, path); !applied) {
    require(applied.error().message.find(path) != std::string::npos);
    return 0;
  }
  for (const auto& definition : table.traits()) {
    const auto& value = configuration.value(definition);
    const auto json = to_json(value);
    if (json.is_null()) continue;
    const auto again = parse_trait_json(definition, json, definition.full_name());
    require(again && to_json(*again) == json);
  }
  return 0;
}
