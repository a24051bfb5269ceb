#pragma once

#include <chrono>
#include <list>
#include <memory>

#include "plugins/plugin_listener.h"
#include "runtime/event.h"

namespace nextgen_kernels {

/// The listeners of plugins at work. Owned by the application; used on the kernels' executor.
class PluginListeners {
 public:
  explicit PluginListeners(Executor executor) : executor_(std::move(executor)), changed_(executor_) {}

  /// Lets a listener follow a kernel, from its next message on until its journal closes.
  void attach(std::shared_ptr<Conversation> conversation, const ListenerDescription& description);

  /// After all journals are closed: waits for the listeners to see what is left. True when they have; false
  /// when some take longer than `patience`, and are still running code of plugins.
  Task<bool> drain(std::chrono::steady_clock::duration patience);

 private:
  Executor executor_;
  Event changed_;
  std::list<PluginListener> listeners_;
};

}  // namespace nextgen_kernels
