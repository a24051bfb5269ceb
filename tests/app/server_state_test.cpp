#include "app/server_state.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/run_task.h"
#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

/// A server's state, and what the next server finds of it.
class ServerStateTest : public testing::Test {
 protected:
  std::unique_ptr<ServerState> open(std::string id) {
    auto store = StateStore::open(directory_.path() / "state" / "state.sqlite",
                                  {.id = std::move(id),
                                   .host = "host",
                                   .domain = "domain",
                                   // Nobody has this start time: it is gone.
                                   .process = {.pid = 1, .start_time = ~std::uint64_t{0} >> 1U}});
    return std::make_unique<ServerState>(loop_.get_executor(), std::move(store.value()));
  }

  static KernelRecord record(std::string kernel_id) {
    KernelRecord record;
    record.kernel_id = std::move(kernel_id);
    return record;
  }

  static Session session(std::string id, std::string kernel_id) {
    return {.id = std::move(id),
            .path = "a.ipynb",
            .name = "a",
            .type = "notebook",
            .kernel_id = std::move(kernel_id)};
  }

  template <typename T>
  T run(Task<T> task) {
    return run_task(loop_, std::move(task));
  }

  TemporaryDirectory directory_;
  asio::io_context loop_;
};

TEST_F(ServerStateTest, sessions_stay_while_a_dead_kernel_may_be_restarted) {
  auto state = open("first");
  state->put(record("k"));
  state->put(session("s", "k"));
  state->put(session("other", "k2"));
  state->remove("k");
  state->put(record("k"));
  run(state->written());
  auto next = open("next");
  const auto found = run(next->take_left_behind());
  ASSERT_EQ(found.kernels.size(), 1U);
  EXPECT_THAT(found.sessions, ElementsAre(Field(&Session::id, "s"), Field(&Session::id, "other")));

  next->remove_sessions_of("k");
  run(next->written());
  auto third = open("third");
  EXPECT_THAT(run(third->take_left_behind()).sessions, ElementsAre(Field(&Session::id, "other")));
}

TEST_F(ServerStateTest, kernels_that_say_nothing_are_heard_too) {
  auto state = open("first");
  state->put(record("k"));
  run(state->written());
  const auto before = Timestamp::clock::now();
  Timestamp seen{};
  for (int servers = 0; seen <= before && servers < 1000; ++servers) {
    state->watch(std::chrono::milliseconds(1));
    loop_.run_one();
    auto next = open("next" + std::to_string(servers));
    const auto found = run(next->take_left_behind());
    ASSERT_EQ(found.kernels.size(), 1U);
    seen = found.kernels.front().seen;
    run(state->leave());
    state = std::move(next);
  }
  EXPECT_GT(seen, before);
}

}  // namespace
}  // namespace nextgen_kernels
