#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// What is done to a kernel, or happens to it.
enum class KernelAction {
  start,
  interrupt,
  restart,      ///< Because somebody asked for it.
  autorestart,  ///< Its process ended by itself, and another is being started.
  died,         ///< It ended by itself, or never answered, and is not started again.
  cull,
  shutdown,
  unresponsive,  ///< It stopped answering its heartbeat; nothing is done about it.
  responsive,    ///< It answers again.
  adopted,       ///< It was found running: a server that is gone had started it.
  orphan_ended,  ///< It was found running, could not be adopted, and was ended.
};

std::string_view to_string(KernelAction action);

/// One thing that happened to a kernel, told after the fact.
struct KernelEvent {
  enum class Outcome { success, error };

  KernelAction action = KernelAction::start;
  Outcome outcome = Outcome::success;
  std::string kernel_id;  ///< Empty: it was not started, and nobody had chosen one.
  std::string kernel_name;
  /// Why it happened, or why it failed: a sentence for a person, without secrets. May be empty.
  std::string reason;
  std::optional<ErrorCode> error = std::nullopt;  ///< Of an outcome that is one.
  /// Whose kernel it would be; nothing when there is a kernel.
  std::optional<std::string> username = std::nullopt;
};

/// Told on the kernel's executor; must not block, and may call the manager only later.
using KernelObserver = std::function<void(const KernelEvent& event)>;

}  // namespace nextgen_kernels
