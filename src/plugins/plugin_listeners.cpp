#include "plugins/plugin_listeners.h"

namespace nextgen_kernels {

void PluginListeners::attach(std::shared_ptr<Conversation> conversation,
                             const ListenerDescription& description) {
  // on_end comes by the executor, so after the element is in its place.
  const auto place = std::make_shared<std::list<PluginListener>::iterator>();
  *place =
      listeners_.emplace(listeners_.end(), executor_, std::move(conversation), description, [this, place] {
        listeners_.erase(*place);
        changed_.notify_all();
      });
}

Task<bool> PluginListeners::drain(std::chrono::steady_clock::duration patience) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!listeners_.empty() && std::chrono::steady_clock::now() < limit) co_await changed_.wait_until(limit);
  co_return listeners_.empty();
}

}  // namespace nextgen_kernels
