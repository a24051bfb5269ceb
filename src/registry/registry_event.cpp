#include "registry/registry_event.h"

namespace nextgen_kernels {

std::string_view to_string(RegistryEventKind kind) {
  switch (kind) {
    case RegistryEventKind::registered:
      return "registered";
    case RegistryEventKind::replaced:
      return "replaced";
    case RegistryEventKind::removed:
      return "removed";
    case RegistryEventKind::resolved:
      return "resolved";
  }
  return "unknown";
}

}  // namespace nextgen_kernels
