#include "plugins/plugin_listeners.h"

#include <boost/asio/steady_timer.hpp>

namespace nextgen_kernels {

void PluginListeners::attach(std::shared_ptr<Conversation> conversation, ListenerDescription description) {
  // on_end comes by the executor, so after the element is in its place.
  const auto place = std::make_shared<std::list<PluginListener>::iterator>();
  *place = listeners_.emplace(listeners_.end(), executor_, std::move(conversation), std::move(description),
                              [this, place] {
                                listeners_.erase(*place);
                                changed_.notify_all();
                              });
}

Task<bool> PluginListeners::drain(std::chrono::steady_clock::duration patience) {
  asio::steady_timer timer(executor_, patience);
  bool is_late = false;
  timer.async_wait([this, &is_late](const boost::system::error_code& error) {
    if (error) return;
    is_late = true;
    changed_.notify_all();
  });
  while (!listeners_.empty() && !is_late) co_await changed_.wait();
  co_return listeners_.empty();
}

}  // namespace nextgen_kernels
