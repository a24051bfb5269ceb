#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernels/execution_queue.h"
#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "server/execute_body.h"
#include "server/router.h"

namespace nextgen_kernels {

/// `/api/nextgen/kernels/{id}/execute`: runs code without a WebSocket. Owned by the server; keeps a queue for
/// each kernel that was asked, until that kernel is removed.
class ExecuteHandlers {
 public:
  struct Settings {
    std::string base_url;
    bool may_execute = true;  ///< Whether an `execute_request` is one of the message types that are allowed.
  };

  /// `pool` is where large bodies are read.
  ExecuteHandlers(Executor executor, MultiKernelManager& kernels, BlockingPool& pool, Settings settings);
  ExecuteHandlers(const ExecuteHandlers&) = delete;
  ExecuteHandlers& operator=(const ExecuteHandlers&) = delete;

  void add_routes(Router& router);

  /// Of a kernel, those that have not ended.
  std::size_t executions(const std::string& kernel_id) const;

 private:
  using Queues = std::map<std::string, std::shared_ptr<ExecutionQueue>>;

  Task<Result<HttpResponse>> execute(HttpRequest request);
  Task<Result<ExecuteBody>> read_body(std::string username, std::string text);
  Task<Result<HttpResponse>> list(HttpRequest request);
  Task<Result<HttpResponse>> cancel(HttpRequest request);

  std::shared_ptr<ExecutionQueue> queue_of(const std::shared_ptr<KernelManager>& kernel);
  std::shared_ptr<ExecutionQueue> find_queue(const std::string& kernel_id) const;

  Executor executor_;
  MultiKernelManager& kernels_;
  BlockingPool& pool_;
  Settings settings_;
  std::shared_ptr<Queues> queues_;  // Shared with the callback that the kernels keep.
};

}  // namespace nextgen_kernels
