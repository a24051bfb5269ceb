#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kernels/multi_kernel_manager.h"
#include "runtime/event.h"
#include "server/kernel_websocket.h"
#include "server/listener_query.h"
#include "server/origin_policy.h"
#include "server/router.h"
#include "server/seats.h"

namespace nextgen_kernels {

/// `/api/kernels/{id}/channels`: upgrades requests, decides where a client begins to read, and keeps the
/// sockets. Owned by the server, which calls `close_all` before it dies.
class KernelWebSocketHandlers {
 public:
  /// Each socket takes one of `seats`.
  KernelWebSocketHandlers(const Executor& executor, MultiKernelManager& kernels, const OriginPolicy& origins,
                          Seats& seats, const KernelWebSocketSettings& settings);
  KernelWebSocketHandlers(const KernelWebSocketHandlers&) = delete;
  KernelWebSocketHandlers& operator=(const KernelWebSocketHandlers&) = delete;
  ~KernelWebSocketHandlers();

  void add_routes(Router& router);

  /// Refuses new sockets, says goodbye on all there are, and ends when they are closed; those that do not
  /// answer within the close timeout are cut off.
  Task<void> close_all(std::uint16_t code, std::string reason);

 private:
  struct Beginning;

  Task<Result<HttpResponse>> open(HttpRequest request);
  /// Where a client begins, or the refusal of what it asked for.
  std::expected<Beginning, HttpResponse> find_beginning(const KernelManager& kernel,
                                                        const ListenerQuery& query, const User& user) const;
  static std::expected<Beginning, HttpResponse> resume(const KernelManager& kernel,
                                                       const ListenerQuery& query, const User& user);
  void adopt(ClientSocket tcp, const std::string& received, std::shared_ptr<KernelManager> kernel,
             KernelWebSocketClient client, std::shared_ptr<ListenerPlace> place, CursorOptions reading,
             Seat seat);
  void remove(KernelWebSocket& socket);

  MultiKernelManager& kernels_;
  const OriginPolicy& origins_;
  Seats& seats_;
  KernelWebSocketSettings settings_;
  std::shared_ptr<BreakingSessions> breaking_sessions_ = std::make_shared<BreakingSessions>();
  struct OpenSocket {
    std::shared_ptr<KernelWebSocket> socket;
    Seat seat;
  };
  std::unordered_map<KernelWebSocket*, OpenSocket> sockets_;
  bool closing_ = false;
  Event socket_ended_;
};

}  // namespace nextgen_kernels
