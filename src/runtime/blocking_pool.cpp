#include "runtime/blocking_pool.h"

#include <system_error>

namespace nextgen_kernels {

BlockingPool::~BlockingPool() {
  {
    const std::scoped_lock lock(mutex_);
    is_ending_ = true;
  }
  has_work_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void BlockingPool::post(Job job) {
  const std::scoped_lock lock(mutex_);
  own_.most_running = limits_.threads;
  add(own_, std::move(job));
}

bool BlockingPool::post_for(const std::string& user, Job job) {
  const std::scoped_lock lock(mutex_);
  auto& queue = of_users_[user];
  if (queue.waiting.size() >= limits_.waiting_of_user) return false;
  queue.user = user;
  queue.most_running = limits_.running_of_user;
  add(queue, std::move(job));
  return true;
}

void BlockingPool::add(Queue& queue, Job job) {
  queue.waiting.push_back(std::move(job));
  give_turn(queue);
}

/// Last in the order of turns, if it may begin something.
void BlockingPool::give_turn(Queue& queue) {
  if (queue.has_turn || queue.waiting.empty() || queue.running >= queue.most_running) return;
  queue.has_turn = true;
  turns_.push_back(&queue);
  if (turns_.size() > idle_threads_ && threads_.size() < limits_.threads && !is_ending_) start_thread();
  has_work_.notify_one();
}

void BlockingPool::start_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // Those that there are will do it.
  }
}

void BlockingPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_threads_;
    has_work_.wait(lock, [this] { return !turns_.empty() || is_ending_; });
    --idle_threads_;
    if (turns_.empty()) return;
    auto& queue = *turns_.front();
    turns_.pop_front();
    queue.has_turn = false;
    auto job = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    ++queue.running;
    give_turn(queue);
    lock.unlock();
    job();
    job = nullptr;  // What it holds is not destroyed with the lock held.
    lock.lock();
    --queue.running;
    give_turn(queue);
    if (&queue != &own_ && queue.waiting.empty() && queue.running == 0)
      of_users_.erase(std::string(queue.user));
  }
}

Error BlockingPool::too_much_waits() const {
  return {.code = ErrorCode::unavailable,
          .message = fmt::format("{} of your requests wait for files already: a file system may be slow. Try "
                                 "again later",
                                 limits_.waiting_of_user)};
}

Error BlockingPool::took_too_long() const {
  return {
      .code = ErrorCode::timeout,
      .message = fmt::format("The files that this needs could not be looked at within {} s: a file system "
                             "may be slow, or a network mount may be gone",
                             std::chrono::duration_cast<std::chrono::seconds>(limits_.patience).count())};
}

}  // namespace nextgen_kernels
