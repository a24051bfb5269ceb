#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/abi_text.h"

namespace nextgen_kernels {

/// A reply that a built-in object owes to the object of a plugin which extends it. Answered once; dropped, it
/// fails. Belongs to the kernel's executor.
class OwedReply {
 public:
  explicit OwedReply(nk_reply reply) : reply_(reply) {}
  OwedReply(const OwedReply&) = delete;
  OwedReply& operator=(const OwedReply&) = delete;
  ~OwedReply() { fail({ErrorCode::unavailable, "The operation was stopped"}); }

  void succeed(std::string_view result) {
    if (!std::exchange(answered_, true)) reply_.succeed(reply_.context, to_abi(result));
  }
  void fail(const Error& error) {
    if (!std::exchange(answered_, true))
      reply_.fail(reply_.context, to_abi(error.code), to_abi(error.message));
  }
  void answer(const Result<void>& result) {
    if (result)
      succeed({});
    else
      fail(result.error());
  }
  void answer(const Result<nlohmann::json>& result) {
    if (result)
      succeed(to_json_text(*result));
    else
      fail(result.error());
  }

 private:
  nk_reply reply_;
  bool answered_ = false;
};

/// Those that are open, for the end of the object: the code that they answer may be gone after it.
class OwedReplies {
 public:
  OwedReplies() = default;
  OwedReplies(const OwedReplies&) = delete;
  OwedReplies& operator=(const OwedReplies&) = delete;
  ~OwedReplies() { fail_all({ErrorCode::unavailable, "The object was destroyed"}); }

  std::shared_ptr<OwedReply> add(nk_reply reply) {
    std::erase_if(open_, [](const auto& weak) { return weak.expired(); });
    auto owed = std::make_shared<OwedReply>(reply);
    open_.push_back(owed);
    return owed;
  }

  void fail_all(const Error& error) {
    for (const auto& weak : std::exchange(open_, {}))
      if (const auto owed = weak.lock()) owed->fail(error);
  }

 private:
  std::vector<std::weak_ptr<OwedReply>> open_;
};

}  // namespace nextgen_kernels
