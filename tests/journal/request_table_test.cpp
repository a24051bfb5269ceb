#include "journal/request_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::UnorderedElementsAre;

Request request(std::string id, MessageNumber since = 0) {
  Request result;
  result.message_id = std::move(id);
  result.origin = std::make_shared<RequestOrigin>(
      RequestOrigin{.cell_id = "cell of " + result.message_id, .requester = {}});
  result.since = since;
  return result;
}

void end(RequestTable& table, std::string_view id) {
  table.note_reply(id);
  table.note_idle(id);
}

TEST(RequestTable, a_request_is_under_way_until_reply_and_idle_have_both_passed) {
  for (const bool reply_first : {true, false}) {
    RequestTable table;
    table.add(request("a"));
    reply_first ? table.note_reply("a") : table.note_idle("a");
    EXPECT_NE(table.find("a"), nullptr);
    reply_first ? table.note_idle("a") : table.note_reply("a");
    EXPECT_EQ(table.find("a"), nullptr);
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(RequestTable, a_request_that_has_ended_is_remembered) {
  RequestTable table(10, 2);
  for (const auto* id : {"a", "b", "c"}) {
    table.add(request(id));
    end(table, id);
  }
  EXPECT_EQ(table.recall("a"), nullptr) << "the bound";
  ASSERT_NE(table.recall("c"), nullptr);
  EXPECT_EQ(table.recall("c")->origin->cell_id, "cell of c");
  table.add(request("d"));
  EXPECT_NE(table.recall("d"), nullptr) << "and one under way, too";
}

TEST(RequestTable, an_id_that_is_used_again_is_the_newer_request) {
  RequestTable table;
  table.add(request("a", 1));
  table.add(request("a", 2));
  EXPECT_EQ(table.size(), 1u);
  end(table, "a");
  table.add(request("a", 3));
  end(table, "a");
  EXPECT_EQ(table.recall("a")->since, 3u);
}

TEST(RequestTable, ids_of_any_length_are_not_remembered) {
  RequestTable table;
  const std::string id(5000, 'x');
  table.add(request(id));
  EXPECT_NE(table.find(id), nullptr);
  end(table, id);
  EXPECT_EQ(table.recall(id), nullptr);
}

TEST(RequestTable, knows_what_is_under_way_and_since_when) {
  RequestTable table;
  EXPECT_EQ(table.running(9).since, 9u);
  for (const auto& [id, since] : {std::pair("a", 3), std::pair("b", 5), std::pair("c", 7)})
    table.add(request(id, since));
  end(table, "a");
  const auto running = table.running(9);
  EXPECT_EQ(running.since, 5u);
  EXPECT_THAT(running.ids, UnorderedElementsAre("b", "c"));
}

TEST(RequestTable, past_its_bound_the_oldest_request_is_given_up) {
  RequestTable table(2);
  for (const auto* id : {"a", "b", "c"}) table.add(request(id));
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_NE(table.find("b"), nullptr);
  EXPECT_NE(table.find("c"), nullptr);
}

TEST(RequestTable, an_id_used_again_means_the_newer_request) {
  RequestTable table;
  table.add(request("a"));
  table.note_reply("a");
  auto again = request("a");
  again.origin = std::make_shared<RequestOrigin>(RequestOrigin{.cell_id = "cell", .requester = {}});
  table.add(std::move(again));
  ASSERT_NE(table.find("a"), nullptr);
  EXPECT_EQ(table.find("a")->origin->cell_id, "cell");
  EXPECT_FALSE(table.find("a")->replied);
  EXPECT_EQ(table.size(), 1u);
}

TEST(RequestTable, a_reply_that_is_lost_is_not_waited_for_once_a_later_one_comes) {
  RequestTable table;
  auto other_channel = request("control");
  other_channel.channel = Channel::control;
  auto subshell = request("subshell");
  subshell.in_subshell = true;
  table.add(std::move(other_channel));
  table.add(std::move(subshell));
  table.add(request("lost"));
  table.add(request("running"));
  table.add(request("later"));
  table.add(request("last"));
  for (const auto* id : {"control", "subshell", "lost", "last"}) table.note_idle(id);
  end(table, "later");
  EXPECT_EQ(table.find("lost"), nullptr);
  EXPECT_NE(table.recall("lost"), nullptr) << "should its reply come after all";
  EXPECT_NE(table.find("running"), nullptr) << "its idle may still come";
  for (const auto* id : {"control", "subshell", "last"}) EXPECT_NE(table.find(id), nullptr) << id;
}

TEST(RequestTable, what_has_no_reply_ends_with_its_idle) {
  RequestTable table;
  auto message = request("a");
  message.message_type = "comm_msg";
  table.add(std::move(message));
  table.note_idle("a");
  EXPECT_EQ(table.size(), 0u);
}

TEST(RequestTable, knows_whether_code_waits_or_runs) {
  const auto code = [](std::string id) {
    auto result = request(std::move(id));
    result.message_type = "execute_request";
    return result;
  };
  RequestTable table;
  auto question = request("question");
  question.message_type = "kernel_info_request";
  table.add(std::move(question));
  auto subshell = code("subshell");
  subshell.in_subshell = true;
  table.add(std::move(subshell));
  EXPECT_FALSE(table.is_executing(9));
  table.add(code("a"));
  table.add(code("b"));
  ASSERT_EQ(table.last_place(), 4u);
  EXPECT_FALSE(table.is_executing(2)) << "nothing so early";
  EXPECT_TRUE(table.is_executing(3));
  table.note_idle("a");
  EXPECT_FALSE(table.is_executing(3)) << "it runs no more, whether the reply comes or not";
  EXPECT_TRUE(table.is_executing(4));
  table.note_reply("b");
  EXPECT_FALSE(table.is_executing(9));
}

TEST(RequestTable, a_request_can_be_given_up) {
  RequestTable table;
  table.add(request("a"));
  table.give_up("a");
  table.give_up("a");
  EXPECT_EQ(table.size(), 0u);
  EXPECT_NE(table.recall("a"), nullptr);
}

TEST(RequestTable, unknown_ids_are_no_error) {
  RequestTable table;
  table.note_reply("x");
  table.note_idle("x");
  EXPECT_EQ(table.find("x"), nullptr);
  EXPECT_EQ(table.recall("x"), nullptr);
}

TEST(RequestTable, all_can_be_ended_at_once) {
  RequestTable table;
  table.add(request("a"));
  table.end_all();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_NE(table.recall("a"), nullptr);
}

}  // namespace
}  // namespace nextgen_kernels
