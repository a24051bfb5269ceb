#pragma once

#include <string>

#include "journal/journal_entry.h"
#include "kernels/kernel_event.h"
#include "server/event_bus.h"

namespace nextgen_kernels {

/// Tells listeners what happened to a kernel: what somebody did in Jupyter Server's schema of kernel actions,
/// what happened by itself in ours.
/// `owner` is whose kernel it is, and who may know beside those who may see all.
void emit_kernel_event(EventBus& bus, const KernelEvent& event, const std::string& owner);

/// Tells them that a listener of a kernel was so slow that messages it had not read are gone.
void emit_messages_lost(EventBus& bus, const std::string& kernel_id, const std::string& kernel_name,
                        LostMessages lost, const std::string& owner);

}  // namespace nextgen_kernels
