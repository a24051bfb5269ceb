#include "plugins/plugin_reply.h"

#include <utility>

#include <boost/asio/post.hpp>

namespace nextgen_kernels {
namespace {

Result<std::string> failure(std::int32_t error, nk_string message) {
  return std::unexpected(Error{error_code_from_abi(error), std::string(from_abi(message))});
}

/// One reply under way; freed by its answer.
struct OpenReply {
  Executor executor;
  ReplyHandler handler;

  static void finish(void* context, Result<std::string> result) {
    const std::unique_ptr<OpenReply> open(static_cast<OpenReply*>(context));
    asio::post(open->executor, [handler = std::move(open->handler), answer = std::move(result)]() mutable {
      handler(std::move(answer));
    });
  }
  static void succeed(void* context, nk_string result) { finish(context, std::string(from_abi(result))); }
  static void fail(void* context, std::int32_t error, nk_string message) {
    finish(context, failure(error, message));
  }
};

}  // namespace

void ImmediateReply::succeed(void* context, nk_string result) {
  static_cast<ImmediateReply*>(context)->result_ = std::string(from_abi(result));
}

void ImmediateReply::fail(void* context, std::int32_t error, nk_string message) {
  static_cast<ImmediateReply*>(context)->result_ = failure(error, message);
}

Result<std::string> ImmediateReply::take() {
  if (!result_) return make_error(ErrorCode::protocol, "The plugin gave no answer");
  return *std::move(result_);
}

nk_reply make_reply(Executor executor, ReplyHandler handler) {
  return {new OpenReply{std::move(executor), std::move(handler)}, &OpenReply::succeed, &OpenReply::fail};
}

nk_reply AwaitedReply::abi(std::shared_ptr<AwaitedReply> awaited, Executor executor) {
  return make_reply(std::move(executor), [kept = std::move(awaited)](Result<std::string> result) {
    kept->result_ = std::move(result);
    kept->changed_.notify_all();
  });
}

Task<Result<std::string>> AwaitedReply::wait(std::shared_ptr<AwaitedReply> awaited, std::string what,
                                             std::optional<std::chrono::steady_clock::duration> limit) {
  using std::chrono::steady_clock;
  const auto end = limit ? steady_clock::now() + *limit : steady_clock::time_point::max();
  while (!awaited->result_) {
    if (steady_clock::now() >= end)
      co_return make_error(ErrorCode::timeout, "{} was not answered within {:g} s", what,
                           std::chrono::duration<double>(*limit).count());
    co_await awaited->changed_.wait_until(end);
  }
  co_return *std::move(awaited->result_);
}

}  // namespace nextgen_kernels
