#include <string>

#include "clients/zmq/zmq_endpoints.h"
#include "fuzzing.h"
#include "runtime/zmq_endpoint.h"
#include "wire/json.h"

using namespace nextgen_kernels;

// Connection files and what provisioners of packages tell: addresses that can be connected to, or words that
// tell nothing of the key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view secret = "8f1c2b77";
  const auto input = as_text(data, size);
  if (nests_deeper_than(input, 64)) return 0;
  auto info = nlohmann::json::parse(input, nullptr, false);
  if (!info.is_object()) return 0;
  const bool has_key = info.erase("key") > 0;
  const auto others = info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (others.find(secret) != std::string::npos) return 0;  // An error may name any other field.
  if (has_key) info["key"] = secret;
  const auto endpoints = ZmqEndpoints::from(info);
  if (!endpoints) {
    require(endpoints.error().message.find(secret) == std::string::npos);
    return 0;
  }
  for (const auto* endpoint : {&endpoints->shell, &endpoints->control, &endpoints->iopub, &endpoints->stdin_,
                               &endpoints->heartbeat}) {
    const auto parsed = ZmqEndpoint::parse(*endpoint);
    if (parsed && parsed->transport == ZmqEndpoint::Transport::tcp) require(!parsed->port.empty());
  }
  return 0;
}
