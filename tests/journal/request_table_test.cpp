#include "journal/request_table.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

Request request(std::string id) {
  Request result;
  result.message_id = std::move(id);
  return result;
}

TEST(RequestTable, a_request_is_known_until_reply_and_idle_have_both_passed) {
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

TEST(RequestTable, past_its_bound_the_oldest_request_is_forgotten) {
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
  again.cell_id = "cell";
  table.add(std::move(again));
  ASSERT_NE(table.find("a"), nullptr);
  EXPECT_EQ(table.find("a")->cell_id, "cell");
  EXPECT_FALSE(table.find("a")->replied);
  EXPECT_EQ(table.size(), 1u);
}

TEST(RequestTable, unknown_ids_are_no_error) {
  RequestTable table;
  table.note_reply("x");
  table.note_idle("x");
  EXPECT_EQ(table.find("x"), nullptr);
}

}  // namespace
}  // namespace nextgen_kernels
