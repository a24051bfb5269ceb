#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <nextgen_kernels/abi.h>

#include "base/error.h"
#include "interfaces/kernel_client.h"
#include "interfaces/kernel_provisioner.h"
#include "journal/message_sink.h"
#include "plugins/original_texts.h"
#include "runtime/task.h"
#include "wire/channel.h"

namespace nextgen_kernels {

/// Whether the server after this one can take over kernels of a plugin's provisioner.
enum class Handover { possible, impossible };

/// Makes the built-in classes that classes of plugins extend. Given by the application, which knows them.
struct BaseClassMakers {
  std::function<Result<std::unique_ptr<KernelProvisioner>>(
      std::string_view reference, const Executor& executor, Handover handover, PrepareProcess prepare)>
      make_provisioner;
  std::function<Result<std::unique_ptr<KernelClient>>(std::string_view reference, MessageSink& sink,
                                                      const Executor& executor)>
      make_client;
};

/// This program's side of one object of a plugin: what the ABI calls nk_context. Owned by whoever owns the
/// object, and outlives it. Functions may be called from any thread, but for those that say otherwise; the
/// constructor and the destructor run on `executor`'s thread.
class PluginContext {
 public:
  /// `executor` is the object's thread. `makers` outlive the context; `sink` (of clients) outlives it, too.
  PluginContext(Executor executor, const BaseClassMakers& makers, MessageSink* sink);
  PluginContext(const PluginContext&) = delete;
  PluginContext& operator=(const PluginContext&) = delete;
  /// Tasks that have not run are cancelled.
  ~PluginContext();

  nk_context* handle();
  static PluginContext& of(nk_context* handle);

  void post(nk_task run, void* data);
  std::uint64_t start_timer(std::chrono::milliseconds delay, nk_task run, void* data);
  void cancel_timer(std::uint64_t timer);

  /// What `liveness_changed` calls on the object's thread; set by the owner of the object, there.
  void on_liveness_change(std::function<void()> callback);
  void liveness_changed();

  /// Puts a message of the kernel into the sink: at once on the object's thread, else soon, in order.
  Result<void> deliver(const nk_message& message);

  /// Answers a request of a client in the place of the kernel. On the object's thread.
  Result<void> refuse(std::string_view message_id, const RequestFailure& failure);

  /// Calls `hook` for a message of the kernel that passes the object, on its thread. What the object delivers
  /// meanwhile takes that message's place: it waits for nothing that other threads have delivered.
  template <typename Hook>
  auto show_passing(Hook&& hook) {
    const PassingMessage passing(*this);
    return hook();
  }

  const Executor& executor() const;
  const BaseClassMakers& makers() const { return makers_; }
  /// Of a client that extends a built-in one: what that has not sent yet. Set on the object's thread.
  void on_unsent_bytes(std::function<std::size_t(Channel)> ask) { unsent_bytes_ = std::move(ask); }
  std::size_t unsent_bytes(Channel channel) const { return unsent_bytes_ ? unsent_bytes_(channel) : 0; }

  /// Null for what is no client.
  MessageSink* sink() const;
  /// Of provisioners; set before the object is made.
  Handover handover() const { return handover_; }
  void set_handover(Handover handover) { handover_ = handover; }
  /// Of the object; set before it is made.
  std::string_view class_reference() const;
  void set_class_reference(std::string_view reference);
  /// Built-in provisioners that this object extends: the plugin alone owns them.
  void add_base(std::weak_ptr<KernelProvisioner> base) { bases_.push_back(std::move(base)); }
  /// On the object's thread.
  void tell_kernel_answered(const ConnectionInfo& info) const;
  /// Of this object; on its thread only.
  OriginalTexts& original_texts() { return original_texts_; }

 private:
  struct State;
  class PassingMessage {
   public:
    explicit PassingMessage(PluginContext& context) : context_(context) { ++context_.passing_; }
    PassingMessage(const PassingMessage&) = delete;
    PassingMessage& operator=(const PassingMessage&) = delete;
    ~PassingMessage() { --context_.passing_; }

   private:
    PluginContext& context_;
  };

  const BaseClassMakers& makers_;
  Handover handover_ = Handover::impossible;
  OriginalTexts original_texts_;
  std::vector<std::weak_ptr<KernelProvisioner>> bases_;
  int passing_ = 0;  // On the object's thread only.
  std::function<std::size_t(Channel)> unsent_bytes_;
  std::shared_ptr<State> state_;
};

}  // namespace nextgen_kernels
