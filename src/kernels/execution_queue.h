#pragma once

#include <cstdint>
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
/// kernel when the one before it has ended, and what others had sent before it was the next one; until then
/// it can be withdrawn. Each is for the process that it was submitted to, or the next one when a restart had
/// been asked for: it goes with that process. One that fails with `stop_on_error` aborts those that wait
/// behind it, as kernels do with theirs. Owned by who takes the requests; keeps the kernel's manager alive;
/// on the kernel's executor.
class ExecutionQueue final : public std::enable_shared_from_this<ExecutionQueue>, private JournalListener {
 public:
  ExecutionQueue(Executor executor, std::shared_ptr<KernelManager> kernel);
  ExecutionQueue(const ExecutionQueue&) = delete;
  ExecutionQueue& operator=(const ExecutionQueue&) = delete;
  ~ExecutionQueue() override;

  /// Takes code to run. `unavailable` when the kernel is dead, `resource_limit` when too many wait.
  Result<std::shared_ptr<Execution>> submit(ExecutionRequest request);

  enum class Cancellation {
    withdrawn,    ///< It will not run.
    interrupted,  ///< It ran.
    /// The kernel has it, but runs what somebody else asked for. It is interrupted when it begins.
    when_it_begins,
  };

  /// Withdraws an execution that waits, or interrupts it once the kernel runs it: never what others run.
  /// `not_found` when it has ended, or never was.
  Result<Cancellation> cancel(std::string_view execution_id);

  /// Those that have not ended, in order.
  std::vector<std::shared_ptr<const Execution>> list() const;

 private:
  void on_journal_activity() override;
  void follow(const Message& message);
  void look_at_kernel();
  void watch();
  void send_next();
  bool is_next_free() const;
  bool current_has_ended() const;
  bool send(const std::shared_ptr<Execution>& execution);
  void note_begun();
  void look_for_reply();
  void finish_current();
  void abort_waiting(const std::string& reason);
  void end_those_of_earlier_processes();
  bool was_answered_by_server() const;
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
  std::optional<std::uint64_t> turn_;  // What was sent up to this place comes before the next one.
  asio::steady_timer timer_;
  std::optional<Cursor> cursor_;  // While there is something to do.
};

}  // namespace nextgen_kernels
