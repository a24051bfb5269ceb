#pragma once

#include <nlohmann/json.hpp>

namespace nextgen_kernels {

/// How to reach a kernel: an open JSON object, made by a provisioner and understood by the client class
/// paired with it (ZMQ ports and a key, a WebSocket URL, …). Everybody in between only carries it. Holds
/// secrets (`key`): never log it.
using ConnectionInfo = nlohmann::json;

}  // namespace nextgen_kernels
