#include "app/server_state.h"

#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/run_task.h"
#include "../support/temporary_directory.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A server's state, and what the next server finds of it.
class ServerStateTest : public testing::Test {
 protected:
  std::unique_ptr<StateStore> open_store(std::string id, const std::string& file = "state.sqlite") {
    return StateStore::open(directory_.path() / "state" / file,
                            {.id = std::move(id),
                             .host = "host",
                             .domain = "domain",
                             // Nobody has this start time: it is gone.
                             .process = {.pid = 1, .start_time = ~std::uint64_t{0} >> 1U}})
        .value();
  }

  std::unique_ptr<ServerState> open(std::string id) {
    return std::make_unique<ServerState>(loop_.get_executor(), open_store(std::move(id)),
                                         ServerState::Options{});
  }

  static KernelRecord record(std::string kernel_id, std::string listener = "") {
    KernelRecord record;
    record.kernel_id = std::move(kernel_id);
    record.listeners = {std::move(listener)};
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
  EXPECT_TRUE(run(state->written()));
  auto next = open("next");
  const auto found = run(next->take_left_behind());
  ASSERT_EQ(found.kernels.size(), 1U);
  EXPECT_THAT(found.sessions, ElementsAre(Field(&Session::id, "s"), Field(&Session::id, "other")));

  next->remove_sessions_of("k");
  EXPECT_TRUE(run(next->written()));
  auto third = open("third");
  EXPECT_THAT(run(third->take_left_behind()).sessions, ElementsAre(Field(&Session::id, "other")));
}

TEST_F(ServerStateTest, kernels_that_say_nothing_are_heard_too) {
  auto state = open("first");
  state->put(record("k"));
  EXPECT_TRUE(run(state->written()));
  const auto put = Timestamp::clock::now();
  state->watch(std::chrono::milliseconds(1));
  run(sleep_for(std::chrono::milliseconds(10)));  // Timers of one loop end in order.
  EXPECT_TRUE(run(state->written()));
  const auto taken = open_store("next")->take_left_behind();
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_THAT(taken->kernels, SizeIs(1));
  EXPECT_GT(taken->kernels.front().seen, put);
}

TEST_F(ServerStateTest, of_many_changes_of_a_kernel_the_last_one_is_kept) {
  auto state = open("first");
  for (int i = 0; i <= 500; ++i) state->put(record("k", std::to_string(i)));
  EXPECT_TRUE(run(state->written()));
  const auto found = run(open("next")->take_left_behind()).kernels;
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].record.listeners, ElementsAre("500"));
}

TEST_F(ServerStateTest, a_kernel_that_is_removed_stays_removed_and_may_come_again) {
  auto state = open("first");
  for (int i = 0; i < 10; ++i) state->put(record("removed", "a"));
  state->remove("removed");
  for (int i = 0; i < 10; ++i) state->put(record("again", "b"));
  state->remove("again");
  state->put(record("again", "c"));
  EXPECT_TRUE(run(state->written()));
  const auto found = run(open("next")->take_left_behind()).kernels;
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].record.kernel_id, "again");
  EXPECT_THAT(found[0].record.listeners, ElementsAre("c"));
}

TEST_F(ServerStateTest, nothing_is_written_after_the_end) {
  auto state = open("first");
  for (int i = 0; i < 10; ++i) state->put(record("k", std::to_string(i)));
  run(state->leave());
  EXPECT_THAT(run(open("next")->take_left_behind()).kernels, IsEmpty());
}

TEST_F(ServerStateTest, all_who_wait_are_answered_by_the_write_that_has_their_change) {
  auto state = open("first");
  std::vector<std::string> written;
  TaskGroup waiting(loop_.get_executor());
  const auto wait = [](ServerState& keeper, std::vector<std::string>& names, std::string name) -> Task<void> {
    if (co_await keeper.written()) names.push_back(std::move(name));
  };
  for (int i = 0; i < 100; ++i) {
    const auto id = std::to_string(i);
    state->put(record(id));
    waiting.spawn("wait", wait(*state, written, id));
  }
  run(waiting.join());
  EXPECT_THAT(written, SizeIs(100));
  EXPECT_THAT(run(open("next")->take_left_behind()).kernels, SizeIs(100));
}

TEST_F(ServerStateTest, a_directory_that_a_cleaner_removed_is_made_again_without_a_word) {
  auto state = open("first");
  state->put(record("k1"));
  EXPECT_TRUE(run(state->written()));
  std::filesystem::remove_all(directory_.path() / "state");
  state->put(record("k2"));
  EXPECT_TRUE(run(state->written()));
  EXPECT_THAT(run(open("next")->take_left_behind()).kernels, SizeIs(2));
}

TEST_F(ServerStateTest, what_cannot_be_written_is_not_said_to_be_and_made_up_for) {
  auto state = open("first");
  const auto state_directory = directory_.path() / "state";
  std::filesystem::remove_all(state_directory);
  std::ofstream(state_directory) << "a file";
  state->put(record("k1"));
  const auto failed = run(state->written());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_THAT(failed.error().message, HasSubstr(state_directory.native()));

  std::filesystem::remove(state_directory);
  state->put(record("k2"));
  EXPECT_TRUE(run(state->written()));
  EXPECT_THAT(run(open("next")->take_left_behind()).kernels, SizeIs(2));
}

TEST_F(ServerStateTest, kernels_that_nobody_adopts_do_not_depend_on_the_disk) {
  ServerState state(loop_.get_executor(), open_store("first"),
                    {.promise = ServerState::Promise::best_effort});
  const auto state_directory = directory_.path() / "state";
  std::filesystem::remove_all(state_directory);
  std::ofstream(state_directory) << "a file";
  state.put(record("k"));
  EXPECT_TRUE(run(state.written()));
}

TEST_F(ServerStateTest, kernels_of_an_earlier_version_are_taken_once) {
  const auto earlier = directory_.path() / "state" / "state.sqlite";
  auto first = open("first");
  first->put(record("k"));
  ASSERT_TRUE(run(first->written()));
  ASSERT_TRUE(std::filesystem::exists(earlier));
  const auto open_at = [this, &earlier](const std::string& name) {
    return std::make_unique<ServerState>(loop_.get_executor(), open_store(name, name + ".sqlite"),
                                         ServerState::Options{.earlier_file = earlier});
  };
  auto next = open_at("next");
  EXPECT_THAT(run(next->take_left_behind()).kernels, SizeIs(1));
  EXPECT_THAT(run(open_at("another")->take_left_behind()).kernels, IsEmpty());
  EXPECT_THAT(run(std::make_unique<ServerState>(loop_.get_executor(), open_store("last", "next.sqlite"),
                                                ServerState::Options{})
                      ->take_left_behind())
                  .kernels,
              SizeIs(1));
}

}  // namespace
}  // namespace nextgen_kernels
