#include "runtime/loop_watchdog.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>
#include <time.h>

#include "base/log.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using std::chrono::steady_clock;

// How soon a loop that does not answer is looked at again.
constexpr auto look_interval = std::chrono::milliseconds(50);

double seconds_of(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

/// Shared by the loop's thread, the watching thread and what was posted to the loop.
struct LoopWatchdog::State {
  State(Executor loop, Settings given) : executor(std::move(loop)), settings(given) {}

  static std::shared_ptr<State>& of_this_thread() {
    static thread_local std::shared_ptr<State> state;
    return state;
  }

  /// On the loop: it is free.
  void answer(std::uint64_t look) {
    const std::lock_guard lock(mutex);
    if (!processor_clock) {
      clockid_t clock{};
      if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) processor_clock = clock;
    }
    answered = look;
    changed.notify_all();
  }

  std::string describe_holder() const {
    if (scope == nullptr) return last_begun.empty() ? "something that has no name" : last_begun;
    return join(scope->activity_, scope->subject_);
  }

  static std::string join(std::string_view activity, std::string_view subject) {
    return std::string(activity) + (subject.empty() ? "" : " ") + printable(subject);
  }

  steady_clock::duration processor_time() const {
    timespec time{};
    if (!processor_clock || ::clock_gettime(*processor_clock, &time) != 0) return {};
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  void watch(const std::shared_ptr<State>& self);
  void look(const std::shared_ptr<State>& self, std::unique_lock<std::mutex>& lock);

  const Executor executor;
  const Settings settings;
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  const LoopScope* scope = nullptr;
  std::string last_begun;
  std::optional<clockid_t> processor_clock;
  LoopStalls stalls;
};

void LoopWatchdog::State::watch(const std::shared_ptr<State>& self) {
  std::unique_lock lock(mutex);
  while (!stopping) {
    look(self, lock);
    changed.wait_for(lock, settings.interval, [this] { return stopping; });
  }
}

void LoopWatchdog::State::look(const std::shared_ptr<State>& self, std::unique_lock<std::mutex>& lock) {
  const auto number = ++asked;
  auto asked_at = steady_clock::now();
  const auto processor_before = processor_time();
  lock.unlock();
  asio::post(executor, [self, number] {
    if (of_this_thread() != self) of_this_thread() = self;
    self->answer(number);
  });
  lock.lock();

  std::string holder;
  bool reported = false;
  while (!stopping && answered < number) {
    const auto looked_at = steady_clock::now();
    changed.wait_for(lock, look_interval);
    // When this thread was late, the process was stopped, or the machine had no time for it.
    asked_at += std::max(steady_clock::now() - looked_at - look_interval, steady_clock::duration::zero());
    if (answered >= number) break;
    const auto held = steady_clock::now() - asked_at;
    if (2 * held >= settings.limit) holder = describe_holder();
    if (held < settings.report_after || std::exchange(reported, true)) continue;
    // Not under the lock: the loop takes it.
    lock.unlock();
    log_error("The event loop has been held for {:.1f} s by {}, and still is: nobody is answered",
              seconds_of(held), holder);
    lock.lock();
  }
  const auto held = steady_clock::now() - asked_at;
  if (stopping || held < settings.limit) return;
  const auto processor = processor_time() - processor_before;
  lock.unlock();
  log_warning(
      "The event loop was held for {:.1f} s ({:.1f} s of processor time) by {}: nobody was answered "
      "meanwhile",
      seconds_of(held), seconds_of(processor), holder);
  lock.lock();
  ++stalls.count;
  stalls.longest = std::max(stalls.longest, held);
}

LoopWatchdog::LoopWatchdog(const Executor& executor, Settings settings)
    : state_(std::make_shared<State>(executor, settings)),
      thread_([state = state_] { state->watch(state); }) {}

LoopWatchdog::~LoopWatchdog() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  thread_.join();
}

LoopStalls LoopWatchdog::stalls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stalls;
}

bool LoopWatchdog::knows_loop() const {
  const std::lock_guard lock(state_->mutex);
  return state_->answered > 0;
}

LoopScope::LoopScope(std::string_view activity, std::string_view subject)
    : activity_(activity), subject_(subject) {
  auto& state = LoopWatchdog::State::of_this_thread();
  if (state == nullptr) return;
  const std::lock_guard lock(state->mutex);
  outer_ = std::exchange(state->scope, this);
}

LoopScope::~LoopScope() {
  auto& state = LoopWatchdog::State::of_this_thread();
  if (state == nullptr) return;
  const std::lock_guard lock(state->mutex);
  if (state->scope == this) state->scope = outer_;
}

void note_loop_activity(std::string_view activity, std::string_view subject) {
  auto& state = LoopWatchdog::State::of_this_thread();
  if (state == nullptr) return;
  auto text = LoopWatchdog::State::join(activity, subject);
  const std::lock_guard lock(state->mutex);
  state->last_begun = std::move(text);
}

}  // namespace nextgen_kernels
