#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "registry/registry_event.h"
#include "registry/registry_snapshot.h"
#include "registry/snapshot_cell.h"

namespace nextgen_kernels {

/// The part of a KernelClientRegistry that its handles refer to: the current snapshot, how it is replaced,
/// and the delivery of events. Internal to the registry.
class RegistryCore {
 public:
  explicit RegistryCore(RegistryState state)
      : snapshot_(std::make_unique<const RegistrySnapshot>(std::move(state))) {}

  /// Calls `function(const RegistrySnapshot&)`; never waits.
  template <typename Function>
  auto read(Function&& function) const {
    return snapshot_.read(std::forward<Function>(function));
  }

  /// Calls `function(RegistryState&, std::vector<RegistryEvent>&)` on a copy of the state, makes the copy
  /// current, and tells the events that it added. Changes wait for each other. When `function` throws nothing
  /// changes.
  template <typename Function>
  auto change(Function&& function) {
    std::vector<std::unique_ptr<const RegistrySnapshot>> retired;  // Destroyed without the lock.
    auto result = [&] {
      const std::lock_guard lock(change_mutex_);
      auto draft = snapshot_.read([](const RegistrySnapshot& snapshot) { return snapshot.state(); });
      std::vector<RegistryEvent> events;
      auto outcome = function(draft, events);
      retired = snapshot_.publish(std::make_unique<const RegistrySnapshot>(std::move(draft)));
      enqueue(std::move(events));
      return outcome;
    }();
    deliver();
    return result;
  }

  /// Removes the mappings for which `selects(const Mapping&)` holds; returns how many.
  std::size_t remove_mappings(const std::function<bool(const Mapping&)>& selects);

  void remove_callback(std::uint64_t id);

  /// Calls the callbacks of the event's kind, in order.
  void call(const RegistryEvent& event) const;

  std::uint64_t next_id() { return ++last_id_; }

 private:
  void enqueue(std::vector<RegistryEvent> events);
  void deliver();

  SnapshotCell<RegistrySnapshot> snapshot_;
  std::mutex change_mutex_;
  std::atomic<std::uint64_t> last_id_ = 0;

  std::mutex events_mutex_;
  std::deque<RegistryEvent> events_;
  bool delivering_ = false;
};

}  // namespace nextgen_kernels
