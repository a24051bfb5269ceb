#include "runtime/event.h"

#include <boost/asio/this_coro.hpp>

namespace nextgen_kernels {

Task<void> Event::wait() {
  co_await timer_.async_wait(no_throw);
}

Task<void> sleep_for(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace nextgen_kernels
