#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "kernels/execution.h"
#include "kernels/kernel_manager.h"

namespace nextgen_kernels {

/// The executions that are asked for without a WebSocket, of one kernel, in order. Each is given to the
/// kernel when the one before it has ended; until then it can be withdrawn. One that fails with
/// `stop_on_error` aborts those that wait behind it, as kernels do with theirs. Owned by who takes the
/// requests; keeps the kernel's manager alive; on the kernel's executor.
class ExecutionQueue final : public std::enable_shared_from_this<ExecutionQueue>, private JournalListener {
 public:
  ExecutionQueue(Executor executor, std::shared_ptr<KernelManager> kernel);
  ExecutionQueue(const ExecutionQueue&) = delete;
  ExecutionQueue& operator=(const ExecutionQueue&) = delete;
  ~ExecutionQueue() override;

  /// Takes code to run. `unavailable` when the kernel is dead, `resource_limit` when too many wait.
  Result<std::shared_ptr<Execution>> submit(ExecutionRequest request);

  /// Withdraws an execution that waits, or interrupts it once the kernel runs it: never what others run.
  /// `not_found` when it has ended, or never was.
  Result<void> cancel(std::string_view execution_id);

  /// Those that have not ended, in order.
  std::vector<std::shared_ptr<const Execution>> list() const;

 private:
  void on_journal_activity() override;
  void follow(const Message& message);
  void look_at_kernel();
  void send_next();
  bool send(const std::shared_ptr<Execution>& execution);
  void note_begun();
  void finish_current();
  void abort_waiting(const std::string& reason);
  void end_all(ExecutionStatus status, const std::string& reason);
  void interrupt(ExecutionStatus cause);
  void on_timeout();
  void arm_timer(std::chrono::steady_clock::duration delay);

  Executor executor_;
  std::shared_ptr<KernelManager> kernel_;
  std::string session_;
  Audience audience_;
  std::deque<std::shared_ptr<Execution>> waiting_;
  std::shared_ptr<Execution> current_;  // Given to the kernel.
  std::optional<ExecutionProgress> progress_;
  std::optional<ExecutionStatus> interrupt_cause_;  // Of current_: cancelled or timeout.
  bool interrupted_ = false;
  int restarts_ = 0;  // The kernel's, when current_ was sent.
  asio::steady_timer timer_;
  std::optional<Cursor> cursor_;  // While there is a current_.
};

}  // namespace nextgen_kernels
