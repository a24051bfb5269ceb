#include "kernels/kernel_event.h"

namespace nextgen_kernels {

std::string_view to_string(KernelAction action) {
  switch (action) {
    case KernelAction::start:
      return "start";
    case KernelAction::interrupt:
      return "interrupt";
    case KernelAction::restart:
      return "restart";
    case KernelAction::autorestart:
      return "autorestart";
    case KernelAction::died:
      return "died";
    case KernelAction::cull:
      return "cull";
    case KernelAction::shutdown:
      return "shutdown";
    case KernelAction::unresponsive:
      return "unresponsive";
    case KernelAction::responsive:
      return "responsive";
    case KernelAction::adopted:
      return "adopted";
    case KernelAction::orphan_ended:
      return "orphan_ended";
  }
  return "start";
}

}  // namespace nextgen_kernels
