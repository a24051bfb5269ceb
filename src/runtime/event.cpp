#include "runtime/event.h"

#include <boost/asio/this_coro.hpp>

namespace nextgen_kernels {

Task<void> Event::wait_until(std::chrono::steady_clock::time_point limit) {
  struct Waiter {
    Waiter(const Executor& executor, std::chrono::steady_clock::time_point end,
           std::shared_ptr<Waiting> those_who_wait)
        : timer(executor, end),
          waiting(std::move(those_who_wait)),
          place(waiting->insert(waiting->end(), &timer)) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() { waiting->erase(place); }

    asio::steady_timer timer;
    std::shared_ptr<Waiting> waiting;
    Waiting::iterator place;
  };
  Waiter waiter(executor_, limit, waiting_);
  co_await waiter.timer.async_wait(no_throw);
}

Task<void> sleep_for(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace nextgen_kernels
