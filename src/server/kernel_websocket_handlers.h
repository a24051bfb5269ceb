#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kernels/multi_kernel_manager.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "server/kernel_websocket.h"
#include "server/origin_policy.h"
#include "server/router.h"

namespace nextgen_kernels {

/// `/api/kernels/{id}/channels`: upgrades requests, keeps the sockets, and keeps the places of sessions that
/// lost theirs for a while. Owned by the server, which calls `close_all` before it dies.
class KernelWebSocketHandlers {
 public:
  KernelWebSocketHandlers(Executor executor, MultiKernelManager& kernels, const OriginPolicy& origins,
                          KernelWebSocketSettings settings);
  KernelWebSocketHandlers(const KernelWebSocketHandlers&) = delete;
  KernelWebSocketHandlers& operator=(const KernelWebSocketHandlers&) = delete;
  ~KernelWebSocketHandlers();

  void add_routes(Router& router);

  /// Refuses new sockets, says goodbye on all there are, and ends when they are closed; those that do not
  /// answer within the close timeout are cut off.
  Task<void> close_all(std::uint16_t code, std::string reason);

 private:
  class AbsentSession;

  Task<Result<HttpResponse>> open(HttpRequest request);
  void adopt(TcpSocket tcp, const std::string& received, std::shared_ptr<KernelManager> kernel,
             KernelWebSocketClient client);
  std::unique_ptr<SessionCursor> find_cursor(const KernelManager& kernel, const std::string& session_id);
  void remove(KernelWebSocket& socket, std::unique_ptr<SessionCursor> cursor);
  void keep(const KernelWebSocket& socket, std::unique_ptr<SessionCursor> cursor);
  Task<void> forget_absent_sessions();

  MultiKernelManager& kernels_;
  const OriginPolicy& origins_;
  KernelWebSocketSettings settings_;
  std::unordered_map<KernelWebSocket*, std::shared_ptr<KernelWebSocket>> sockets_;
  std::list<AbsentSession> absent_sessions_;  // In the order in which they lost their socket.
  bool forgetting_ = false;                   // The task that forgets them runs.
  bool closing_ = false;
  Event socket_ended_;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
