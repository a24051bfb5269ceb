#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/stable_list.h"
#include "kernels/multi_kernel_manager.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "server/event_bus.h"
#include "server/event_websocket.h"
#include "server/origin_policy.h"
#include "server/resource_monitor.h"
#include "server/router.h"
#include "server/seats.h"

namespace nextgen_kernels {

/// `/api/events`: tells clients of events, and takes theirs. Owned by the server, which calls `close_all`
/// before it dies.
class EventHandlers {
 public:
  /// Each socket takes one of `seats`.
  EventHandlers(const Executor& executor, EventBus& bus, MultiKernelManager& kernels,
                ResourceMonitor& resources, const OriginPolicy& origins, Seats& seats,
                EventWebSocket::Settings settings);
  EventHandlers(const EventHandlers&) = delete;
  EventHandlers& operator=(const EventHandlers&) = delete;

  void add_routes(Router& router);

  /// Refuses new sockets, says goodbye on all there are, and ends when they are closed.
  Task<void> close_all(std::uint16_t code, std::string reason);

  std::size_t listeners() const { return sockets_.size(); }

 private:
  Task<Result<HttpResponse>> subscribe(HttpRequest request);
  Task<Result<HttpResponse>> emit(HttpRequest request);
  Task<Result<HttpResponse>> list_schemas(HttpRequest request);

  Task<void> serve(std::shared_ptr<EventWebSocket> socket, ClientSocket tcp, std::string received,
                   UserPointer user, std::chrono::seconds usage_interval, Seat seat);
  Task<void> tell_usage(EventWebSocket* socket, UserPointer user, std::chrono::seconds interval);

  Executor executor_;
  EventBus& bus_;
  MultiKernelManager& kernels_;
  ResourceMonitor& resources_;
  const OriginPolicy& origins_;
  Seats& seats_;
  EventWebSocket::Settings settings_;
  StableList<EventWebSocket> sockets_;
  bool closing_ = false;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
