#include "registry/registry_core.h"

#include <algorithm>
#include <exception>
#include <iterator>

#include "base/log.h"

namespace nextgen_kernels {

std::size_t RegistryCore::remove_mappings(const std::function<bool(const Mapping&)>& selects) {
  return change([&](RegistryState& state, std::vector<RegistryEvent>& events) {
    return std::erase_if(state.mappings, [&](const std::shared_ptr<const Mapping>& mapping) {
      if (!selects(*mapping)) return false;
      log_info("KernelClientRegistry: {} is no longer mapped to {} ({})", mapping->provisioner,
               mapping->client, mapping->describe_source());
      events.push_back({.kind = RegistryEventKind::removed, .mapping = mapping});
      return true;
    });
  });
}

void RegistryCore::remove_callback(std::uint64_t id) {
  change([&](RegistryState& state, std::vector<RegistryEvent>&) {
    auto callbacks = std::make_shared<RegistryState::Callbacks>(*state.callbacks);
    const auto removed = std::erase_if(*callbacks, [&](const auto& callback) { return callback->id == id; });
    state.callbacks = std::move(callbacks);
    return removed;
  });
}

void RegistryCore::call(const RegistryEvent& event) const {
  const auto callbacks = read([](const RegistrySnapshot& snapshot) { return snapshot.state().callbacks; });
  for (const auto& callback : *callbacks) {
    if (callback->kind != event.kind) continue;
    try {
      callback->function(event);
    } catch (const std::exception& exception) {
      log_error("KernelClientRegistry: a callback for {:?} threw: {}", to_string(event.kind),
                exception.what());
    } catch (...) {
      log_error("KernelClientRegistry: a callback for {:?} threw something that is not an exception",
                to_string(event.kind));
    }
  }
}

void RegistryCore::enqueue(std::vector<RegistryEvent> events) {
  const std::lock_guard lock(events_mutex_);
  events_.insert(events_.end(), std::make_move_iterator(events.begin()),
                 std::make_move_iterator(events.end()));
}

void RegistryCore::deliver() {
  std::unique_lock lock(events_mutex_);
  if (delivering_) return;  // Whoever delivers, maybe further up this stack, tells these as well.
  delivering_ = true;
  while (!events_.empty()) {
    const auto event = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    call(event);
    lock.lock();
  }
  delivering_ = false;
}

}  // namespace nextgen_kernels
