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
  /// Hands the reply over to a function of the server, which then answers it.
  nk_reply release() && { return open_->hand_over(); }

 private:
  std::shared_ptr<detail::OpenReply> open_;
};

/// How a kernel process ended.
struct ExitStatus {
  int exit_code = 0;  ///< Meaningful when `signal` is 0.
  int signal = 0;     ///< The signal that killed it, or 0.

  explicit operator Json() const { return Json::object({{"exit_code", exit_code}, {"signal", signal}}); }
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
