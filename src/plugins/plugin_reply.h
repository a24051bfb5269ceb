#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <nextgen_kernels/abi.h>

#include "base/error.h"
#include "plugins/abi_text.h"
#include "runtime/event.h"

namespace nextgen_kernels {

/// Takes the answer of a plugin's function that answers at once: `ImmediateReply reply; f(self,
/// reply.abi());`
class ImmediateReply {
 public:
  ImmediateReply() = default;
  ImmediateReply(const ImmediateReply&) = delete;
  ImmediateReply& operator=(const ImmediateReply&) = delete;

  nk_reply abi() { return {this, &succeed, &fail}; }

  /// An error when there was none.
  Result<std::string> take();

 private:
  static void succeed(void* context, nk_string result);
  static void fail(void* context, std::int32_t error, nk_string message);

  std::optional<Result<std::string>> result_;
};

using ReplyHandler = std::function<void(Result<std::string>)>;

/// A reply whose answer, from whatever thread, is given to `handler` on `executor`.
nk_reply make_reply(Executor executor, ReplyHandler handler);

/// The answer of a plugin's function that takes time. Shared by who waits and by who takes it; touched on one
/// executor.
class AwaitedReply {
 public:
  explicit AwaitedReply(const Executor& executor) : changed_(executor) {}

  /// The reply that a function of a plugin gets; once.
  static nk_reply abi(std::shared_ptr<AwaitedReply> awaited, Executor executor);

  /// Ends with the answer. Past `limit` it ends with an error that names `what`, and the answer is dropped.
  static Task<Result<std::string>> wait(std::shared_ptr<AwaitedReply> awaited, std::string what,
                                        std::optional<std::chrono::steady_clock::duration> limit);

 private:
  std::optional<Result<std::string>> result_;
  Event changed_;
};

/// Calls `ask(nk_reply)` now, and ends with its answer.
template <typename Ask>
Task<Result<std::string>> await_reply(
    Executor executor, std::string what, Ask&& ask,
    std::optional<std::chrono::steady_clock::duration> limit = std::nullopt) {
  auto awaited = std::make_shared<AwaitedReply>(executor);
  ask(AwaitedReply::abi(awaited, std::move(executor)));
  return AwaitedReply::wait(std::move(awaited), std::move(what), limit);
}

}  // namespace nextgen_kernels
