#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <nextgen_kernels/abi.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "journal/conversation.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// How a listener of a plugin is made, and for which kernel.
struct ListenerDescription {
  std::string class_reference;
  nlohmann::json about;  ///< What its constructor learns, as the ABI says.
  /// Gives the class; loads its library, which can block. Called on the listener's thread.
  std::function<Result<const nk_class*>()> load_class;
  /// Told why there is no listener, or an empty text when there is one. Called on the listener's thread.
  std::function<void(const std::string& failure)> report;
  /// Once the kernel is gone: how long the listener may take for what it was given last, before it is given
  /// up and what is left of the journal goes.
  std::chrono::steady_clock::duration patience = std::chrono::seconds(30);
};

/// A listener of a plugin at work: an object of the plugin on a thread of its own, which is given the
/// messages of one kernel from the first on, a batch at a time. The journal keeps what it has not come to, up
/// to its bound: a listener that takes its time costs that memory, and slows nobody.
///
/// Ends with the journal, when the object has seen everything, or does not come back from what it was given.
/// Owned by PluginListeners, used on the kernel's executor.
class PluginListener {
 public:
  /// Begins. `on_end` is called on `executor`, once the thread has ended.
  PluginListener(const Executor& executor, std::shared_ptr<Conversation> conversation,
                 const ListenerDescription& description, std::function<void()> on_end);
  PluginListener(const PluginListener&) = delete;
  PluginListener& operator=(const PluginListener&) = delete;
  /// Leaves a thread that still runs code of the plugin to itself.
  ~PluginListener();

 private:
  class Worker;
  class Reader;

  std::shared_ptr<Worker> worker_;
  std::shared_ptr<Reader> reader_;
};

}  // namespace nextgen_kernels
