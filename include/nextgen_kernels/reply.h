#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <nextgen_kernels/host.h>
#include <nextgen_kernels/json.h>

namespace nextgen_kernels::plugin {
namespace detail {

/// The one answer that an `nk_reply` gets. Whoever lets the last reference go unanswered answers with an
/// error.
class OpenReply {
 public:
  explicit OpenReply(nk_reply reply) : reply_(reply) {}
  OpenReply(const OpenReply&) = delete;
  OpenReply& operator=(const OpenReply&) = delete;
  ~OpenReply() { fail(NK_ERROR_INTERNAL, "The plugin gave no answer"); }

  void succeed(std::string_view result) {
    if (!answered_.exchange(true)) reply_.succeed(reply_.context, to_abi(result));
  }
  void fail(std::int32_t code, std::string_view message) {
    if (!answered_.exchange(true)) reply_.fail(reply_.context, code, to_abi(message));
  }
  /// For a function of the server that takes the reply over.
  nk_reply hand_over() {
    answered_ = true;
    return reply_;
  }

 private:
  nk_reply reply_;
  std::atomic<bool> answered_ = false;
};

}  // namespace detail

/// How a kernel process ended.
struct ExitStatus {
  int exit_code = 0;  ///< Meaningful when `signal` is 0.
  int signal = 0;     ///< The signal that killed it, or 0.

  explicit operator Json() const { return Json::object({{"exit_code", exit_code}, {"signal", signal}}); }
};

template <typename T>
class Reply;

namespace detail {

/// An answer, from the text by which the ABI carries it.
template <typename T>
T read_answer(std::string_view text) {
  auto json = Json::parse(text);
  if constexpr (std::is_same_v<T, ExitStatus>)
    return {.exit_code = static_cast<int>(json.at("exit_code").as_integer()),
            .signal = static_cast<int>(json.at("signal").as_integer())};
  else
    return json;
}

/// What stands between an answer and the reply that it is for: a function.
template <typename From, typename T, typename Function>
class [[gnu::visibility("hidden")]] Continuation {
 public:
  static nk_reply make(std::shared_ptr<OpenReply> next, Function function) {
    return {new Continuation(std::move(next), std::move(function)), &succeed, &fail};
  }

 private:
  Continuation(std::shared_ptr<OpenReply> next, Function function)
      : next_(std::move(next)), function_(std::move(function)) {}

  static void succeed(void* context, nk_string result) {
    const std::unique_ptr<Continuation> self(static_cast<Continuation*>(context));
    try {
      if constexpr (std::is_void_v<From>)
        self->call();
      else
        self->call(read_answer<From>(from_abi(result)));
    } catch (...) {
      tell_exception([&](std::int32_t code, std::string_view message) { self->next_->fail(code, message); });
    }
  }
  static void fail(void* context, std::int32_t code, nk_string message) {
    const std::unique_ptr<Continuation> self(static_cast<Continuation*>(context));
    self->next_->fail(code, from_abi(message));
  }

  template <typename... Answer>
  void call(Answer&&... answer) {
    const Reply<T> reply(next_);
    if constexpr (std::is_invocable_v<Function&, Answer..., Reply<T>>) {
      function_(std::forward<Answer>(answer)..., Reply<T>(next_));
    } else if constexpr (std::is_void_v<T>) {
      function_(std::forward<Answer>(answer)...);
      reply.succeed();
    } else {
      reply.succeed(function_(std::forward<Answer>(answer)...));
    }
  }

  std::shared_ptr<OpenReply> next_;
  Function function_;
};

}  // namespace detail

/// Where a function that may take its time puts its answer: `succeed` or `fail`, once, now or later, from any
/// thread. Keep it in a member or a lambda until then; one that is dropped fails. `T` is what is answered:
/// `Json`, an `ExitStatus`, or `void`.
template <typename T>
class Reply {
 public:
  explicit Reply(std::shared_ptr<detail::OpenReply> open) : open_(std::move(open)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept = default;

  void succeed(const std::conditional_t<std::is_void_v<T>, Json, T>& result) const
    requires(!std::is_void_v<T>)
  {
    open_->succeed(Json(result).dump());
  }
  void succeed() const
    requires std::is_void_v<T>
  {
    open_->succeed({});
  }
  void fail(ErrorCode code, std::string_view message) const {
    open_->fail(static_cast<std::int32_t>(code), message);
  }
  /// A reply to be given away, mostly to the function of the base class: its answer goes through `function`,
  /// which returns what this reply is answered with.
  ///
  ///     LocalProvisioner::launch_kernel(request, std::move(reply).then([](Json info) {
  ///       info["node"] = "n17";
  ///       return info;
  ///     }));
  ///
  /// A function that takes this reply behind the answer answers it itself, later if need be. An exception is
  /// the answer; an error passes by. `From` is what the reply that is given away is answered with, when that
  /// is another type. The function is called by whoever answers: of the server's classes, on the kernel's
  /// thread, and not after their object is gone.
  template <typename From = T, typename Function>
  Reply<From> then(Function function) && {
    using Continuation = detail::Continuation<From, T, Function>;
    return Reply<From>(
        std::make_shared<detail::OpenReply>(Continuation::make(std::move(open_), std::move(function))));
  }
  /// Hands the reply over to a function of the server, which then answers it.
  nk_reply release() && { return open_->hand_over(); }

 private:
  std::shared_ptr<detail::OpenReply> open_;
};

namespace detail {

/// Calls `function(Reply<T>)`. An exception is the answer, unless there was one before.
template <typename T, typename Function>
void call_with_reply(nk_reply raw, Function&& function) noexcept {
  const auto open = std::make_shared<OpenReply>(raw);
  try {
    function(Reply<T>(open));
  } catch (...) {
    tell_exception([&open](std::int32_t code, std::string_view message) { open->fail(code, message); });
  }
}

}  // namespace detail
}  // namespace nextgen_kernels::plugin
