#include "registry/class_declaration.h"

namespace nextgen_kernels {

std::string_view to_string(ClassKind kind) {
  switch (kind) {
    case ClassKind::provisioner:
      return "provisioner";
    case ClassKind::client:
      return "kernel client";
    case ClassKind::listener:
      return "listener";
  }
  return "class";
}

}  // namespace nextgen_kernels
