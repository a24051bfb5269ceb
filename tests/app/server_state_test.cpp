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
  std::unique_ptr<StateStore> open_store(std::string id) {
    return StateStore::open(directory_.path() / "state" / "state.sqlite",
                            {.id = std::move(id),
                             .host = "host",
                             .domain = "domain",
                             // Nobody has this start time: it is gone.
                             .process = {.pid = 1, .start_time = ~std::uint64_t{0} >> 1U}})
        .value();
  }

  std::unique_ptr<ServerState> open(std::string id) {
    return std::make_unique<ServerState>(loop_.get_executor(), open_store(std::move(id)));
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
  state->watch(std::chrono::milliseconds(1));
  Timestamp put{};
  Timestamp seen{};
  for (int looks = 0; seen <= put && looks < 1000; ++looks) {
    state->put(record("k"));
    put = Timestamp::clock::now();
    run(state->written());
    // Nothing is written while the loop stands still.
    const auto taken = open_store("look" + std::to_string(looks))->take_left_behind();
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_EQ(taken->kernels.size(), 1U);
    seen = taken->kernels.front().seen;
  }
  EXPECT_GT(seen, put);
}

}  // namespace
}  // namespace nextgen_kernels
