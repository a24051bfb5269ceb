#include "plugins/plugin_context.h"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "plugins/abi_message.h"
#include "runtime/loop_watchdog.h"

namespace nextgen_kernels {
namespace {

/// Work of a plugin: run once, or cancelled by the end of its owner.
class PluginTask {
 public:
  PluginTask(nk_task run, void* data) : run_(run), data_(data) {}
  PluginTask(PluginTask&& other) noexcept : run_(std::exchange(other.run_, nullptr)), data_(other.data_) {}
  PluginTask& operator=(PluginTask&&) = delete;
  ~PluginTask() {
    if (run_ != nullptr) run_(data_, 1);
  }

  void run() { std::exchange(run_, nullptr)(data_, 0); }

 private:
  nk_task run_;
  void* data_;
};

}  // namespace

/// Shared with what was posted, which finds out with it that the object is gone.
struct PluginContext::State {
  State(Executor e, MessageSink* s) : executor(std::move(e)), sink(s) {}

  struct Timer {
    asio::steady_timer timer;
    PluginTask task;
  };

  Executor executor;
  MessageSink* sink;
  std::string class_reference;
  const std::thread::id thread = std::this_thread::get_id();
  std::atomic<std::uint64_t> last_timer = 0;

  // On the object's thread only.
  bool alive = true;
  bool flush_posted = false;
  std::function<void()> on_liveness_change;
  std::map<std::uint64_t, Timer> timers;

  std::mutex mutex;
  std::deque<Message::Pointer> deliveries;  // Of other threads.
  bool drain_posted = false;

  void receive(Message::Pointer message, const std::shared_ptr<State>& self) {
    sink->receive(std::move(message));
    flush_soon(self);
  }

  void flush_soon(const std::shared_ptr<State>& self) {
    if (std::exchange(flush_posted, true)) return;
    asio::post(executor, [self] {
      self->flush_posted = false;
      if (self->alive) self->sink->flush();
    });
  }

  void drain(const std::shared_ptr<State>& self) {
    std::deque<Message::Pointer> messages;
    {
      const std::lock_guard lock(mutex);
      drain_posted = false;
      messages.swap(deliveries);
    }
    if (!alive) return;
    for (auto& message : messages) receive(std::move(message), self);
  }
};

PluginContext::PluginContext(Executor executor, const BaseClassMakers& makers, MessageSink* sink)
    : makers_(makers), state_(std::make_shared<State>(std::move(executor), sink)) {}

PluginContext::~PluginContext() {
  state_->alive = false;
  state_->timers.clear();
}

nk_context* PluginContext::handle() {
  return reinterpret_cast<nk_context*>(this);
}

PluginContext& PluginContext::of(nk_context* handle) {
  return *reinterpret_cast<PluginContext*>(handle);
}

const Executor& PluginContext::executor() const {
  return state_->executor;
}

std::string_view PluginContext::class_reference() const {
  return state_->class_reference;
}

void PluginContext::set_class_reference(std::string_view reference) {
  state_->class_reference = reference;
}

MessageSink* PluginContext::sink() const {
  return state_->sink;
}

void PluginContext::post(nk_task run, void* data) {
  asio::post(state_->executor, [state = state_, task = PluginTask(run, data)]() mutable {
    if (!state->alive) return;
    const LoopScope scope("a task of", state->class_reference);
    task.run();
  });
}

std::uint64_t PluginContext::start_timer(std::chrono::milliseconds delay, nk_task run, void* data) {
  const auto number = ++state_->last_timer;
  asio::dispatch(state_->executor, [state = state_, number, delay, task = PluginTask(run, data)]() mutable {
    if (!state->alive) return;
    auto& timer =
        state->timers
            .emplace(number, State::Timer{asio::steady_timer(state->executor, delay), std::move(task)})
            .first->second.timer;
    timer.async_wait([state, number](const boost::system::error_code&) {
      const auto expired = state->timers.extract(number);
      if (expired.empty()) return;  // It was cancelled.
      const LoopScope scope("a timer of", state->class_reference);
      expired.mapped().task.run();
    });
  });
  return number;
}

void PluginContext::cancel_timer(std::uint64_t timer) {
  asio::dispatch(state_->executor, [state = state_, timer] { state->timers.erase(timer); });
}

void PluginContext::on_liveness_change(std::function<void()> callback) {
  state_->on_liveness_change = std::move(callback);
}

void PluginContext::liveness_changed() {
  asio::post(state_->executor, [state = state_] {
    if (state->alive && state->on_liveness_change) state->on_liveness_change();
  });
}

Result<void> PluginContext::deliver(const nk_message& message) {
  if (state_->sink == nullptr)
    return make_error(ErrorCode::invalid_argument, "Only kernel clients deliver messages");
  auto received = received_message_of(message);
  if (!received) return std::unexpected(received.error());
  const bool on_thread = std::this_thread::get_id() == state_->thread;
  if (const bool takes_a_place = on_thread && passing_ > 0; !takes_a_place) {
    const std::lock_guard lock(state_->mutex);
    if (!on_thread || !state_->deliveries.empty()) {
      state_->deliveries.push_back(*std::move(received));
      if (std::exchange(state_->drain_posted, true)) return {};
      asio::post(state_->executor, [state = state_] { state->drain(state); });
      return {};
    }
  }
  state_->receive(*std::move(received), state_);
  return {};
}

void PluginContext::tell_kernel_answered(const ConnectionInfo& info) const {
  for (const auto& base : bases_)
    if (const auto provisioner = base.lock()) provisioner->on_kernel_answered(info);
}

Result<void> PluginContext::refuse(std::string_view message_id, const RequestFailure& failure) {
  if (state_->sink == nullptr)
    return make_error(ErrorCode::invalid_argument, "Only kernel clients refuse requests");
  if (std::this_thread::get_id() != state_->thread)
    return make_error(ErrorCode::invalid_argument,
                      "Requests are refused on the thread of the kernel only: post it");
  if (!state_->sink->refuse_request(message_id, failure))
    return make_error(ErrorCode::not_found, "No request with this msg_id is under way");
  state_->flush_soon(state_);
  return {};
}

}  // namespace nextgen_kernels
