#pragma once

#include <cstdint>

#include <nextgen_kernels/context.h>
#include <nextgen_kernels/message.h>

namespace nextgen_kernels::plugin {

/// Sees every message of a kernel, in order, replies to anybody included.
///
/// One object for one kernel. It is made, called and destroyed on a thread of its own, so it may take its
/// time: a slow one falls behind by itself and slows neither the kernel nor anybody else. It is destroyed
/// when the kernel is shut down and everything was read.
class Listener {
 public:
  explicit Listener(const Context& context) : context_(context) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  virtual void on_message(const Message& message) = 0;

  /// Messages `first` to `last` went before this listener came to read them: it was slower than the server's
  /// memory for messages holds.
  virtual void on_lost(std::uint64_t first, std::uint64_t last) {
    static_cast<void>(first);
    static_cast<void>(last);
  }

 protected:
  const Context& context() const { return context_; }
  const Json& option(std::string_view name) const { return context_.option(name); }

 private:
  const Context& context_;
};

}  // namespace nextgen_kernels::plugin
