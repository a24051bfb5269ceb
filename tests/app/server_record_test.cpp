#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/run_task.h"
#include "../support/temporary_directory.h"
#include "app/server_state.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Records of kernels, as the next server finds them.
class ServerRecordTest : public testing::Test {
 protected:
  std::unique_ptr<ServerState> open(std::string id) {
    auto store = StateStore::open(directory_.path() / "state" / "state.sqlite",
                                  {.id = std::move(id),
                                   .host = "host",
                                   .domain = "domain",
                                   // Nobody has this start time: it is gone.
                                   .process = {.pid = 1, .start_time = ~std::uint64_t{0} >> 1U}});
    return std::make_unique<ServerState>(loop_.get_executor(), std::move(store).value());
  }

  static KernelRecord record(std::string kernel_id, std::string listener) {
    KernelRecord record;
    record.kernel_id = std::move(kernel_id);
    record.listeners = {std::move(listener)};
    return record;
  }

  /// What the next server finds.
  std::vector<AbandonedKernel> left_behind(const std::string& next_id) {
    const auto next = open(next_id);
    return run_task(loop_, next->take_left_behind()).kernels;
  }

  TemporaryDirectory directory_;
  asio::io_context loop_;
};

TEST_F(ServerRecordTest, of_many_changes_the_last_one_is_kept) {
  auto state = open("first");
  for (int i = 0; i <= 500; ++i) state->put(record("k", std::to_string(i)));
  run_task(loop_, state->written());
  const auto found = left_behind("next");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].record.listeners, ElementsAre("500"));
}

TEST_F(ServerRecordTest, what_is_removed_stays_removed_and_may_come_again) {
  auto state = open("first");
  for (int i = 0; i < 10; ++i) state->put(record("removed", "a"));
  state->remove("removed");
  for (int i = 0; i < 10; ++i) state->put(record("again", "b"));
  state->remove("again");
  state->put(record("again", "c"));
  run_task(loop_, state->written());
  const auto found = left_behind("next");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].record.kernel_id, "again");
  EXPECT_THAT(found[0].record.listeners, ElementsAre("c"));
}

TEST_F(ServerRecordTest, nothing_is_written_after_the_end) {
  auto state = open("first");
  for (int i = 0; i < 10; ++i) state->put(record("k", std::to_string(i)));
  run_task(loop_, state->leave());
  EXPECT_THAT(left_behind("next"), IsEmpty());
}

}  // namespace
}  // namespace nextgen_kernels
