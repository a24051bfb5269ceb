#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// How to reach a kernel: an open JSON object, made by a provisioner and understood by the client class
/// paired with it (ZMQ ports and a key, a WebSocket URL, …). Everybody in between only carries it. Holds
/// secrets (`key`): never log it.
using ConnectionInfo = nlohmann::json;

/// A port of a Jupyter connection file: a number; some writers quote it (JEP 106). The error names the field,
/// not what it holds.
Result<int> connection_port(const ConnectionInfo& info, std::string_view name);

}  // namespace nextgen_kernels
