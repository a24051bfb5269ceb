#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "registry/mapping.h"
#include "registry/resolution.h"

namespace nextgen_kernels {

enum class RegistryEventKind {
  registered,  ///< `mapping` is new.
  replaced,    ///< `mapping` took the place of `previous`.
  removed,     ///< `mapping` ended.
  resolved,    ///< `resolution` was answered.
};

/// "registered", "replaced", "removed", "resolved".
std::string_view to_string(RegistryEventKind kind);

/// What a callback of the registry is told. Fields that the kind does not name are null.
struct RegistryEvent {
  RegistryEventKind kind;
  std::shared_ptr<const Mapping> mapping = {};
  std::shared_ptr<const Mapping> previous = {};
  std::shared_ptr<const Resolution> resolution = {};
};

using RegistryCallback = std::function<void(const RegistryEvent&)>;

}  // namespace nextgen_kernels
