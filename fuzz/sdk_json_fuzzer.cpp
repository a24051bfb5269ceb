#include <nextgen_kernels/json.h>
#include <nlohmann/json.hpp>

#include "fuzzing.h"

using namespace nextgen_kernels;
using plugin::Json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  Json value;
  try {
    value = Json::parse(text);
  } catch (const plugin::Error& error) {
    require(error.code() == plugin::ErrorCode::invalid_argument);
    return 0;
  }
  const auto written = value.dump();
  require(Json::parse(written) == value);
  // What the server understands, it understands the same way when a plugin gives it back.
  const auto server = nlohmann::json::parse(text, nullptr, false);
  if (!server.is_discarded()) require(nlohmann::json::parse(written, nullptr, false) == server);
  return 0;
}
