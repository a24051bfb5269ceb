#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "runtime/loop_watchdog.h"
#include "runtime/task_group.h"
#include "server/metrics_text.h"
#include "server/resource_monitor.h"
#include "server/router.h"
#include "server/status_handlers.h"

namespace nextgen_kernels {

/// `/metrics`, for Prometheus: Jupyter Server's metrics where it has them, and ours. Counts requests and
/// events only; all else is looked at when somebody asks. Owned by the server.
class MetricsHandlers {
 public:
  /// What other handlers know.
  struct Sources {
    std::function<std::size_t()> event_listeners;
    /// Executions of a kernel that were asked for without a WebSocket and have not ended.
    std::function<std::size_t(const std::string& kernel_id)> executions;
    std::function<LoopStalls()> loop_stalls;
  };

  MetricsHandlers(Executor executor, MultiKernelManager& kernels, const StatusHandlers& status,
                  ResourceMonitor& resources, BlockingPool& pool, Sources sources)
      : kernels_(kernels),
        status_(status),
        resources_(resources),
        pool_(pool),
        sources_(std::move(sources)),
        tasks_(std::move(executor)) {}

  void add_routes(Router& router);

  /// A request was answered; `handler` is the pattern of its route, so that there are few.
  void note_request(http::verb method, std::string_view handler, http::status status,
                    std::chrono::steady_clock::duration taken);

  /// Something happened to a kernel.
  void note_kernel_event(const KernelEvent& event);

 private:
  Task<Result<HttpResponse>> get_metrics(HttpRequest request);
  void add_server(MetricsText& text) const;
  void add_requests(MetricsText& text) const;
  void add_kernels(MetricsText& text) const;
  void add_usage(MetricsText& text) const;

  using RequestKind = std::tuple<std::string, std::string, unsigned>;  // Method, handler, status.

  MultiKernelManager& kernels_;
  const StatusHandlers& status_;
  ResourceMonitor& resources_;
  BlockingPool& pool_;
  Sources sources_;
  std::map<RequestKind, Histogram> requests_;
  std::map<std::pair<std::string, std::string>, int> kernel_events_;   // By action and outcome.
  std::shared_ptr<Histogram> starts_ = std::make_shared<Histogram>();  // Shared with who waits for a start.
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
