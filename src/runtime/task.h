#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace nextgen_kernels {

namespace asio = boost::asio;

/// What every operation that waits returns. Runs on its owner's executor; failures come back as `Result`,
/// cancellation as an exception that only `TaskGroup` catches.
template <typename T>
using Task = asio::awaitable<T>;

using Executor = asio::any_io_executor;

/// Completion token for operations whose error code is looked at: `auto [error, n] = co_await op(no_throw);`
constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

}  // namespace nextgen_kernels
