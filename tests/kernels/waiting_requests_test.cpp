#include "kernels/waiting_requests.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

constexpr Audience alice{1};
constexpr Audience bob{2};

OutgoingMessage request(std::string_view content = "{}") {
  return make_request(Channel::shell, "execute_request", content, "s").value();
}

TEST(WaitingRequests, keeps_the_order_and_counts_what_it_holds) {
  WaitingRequests waiting;
  const auto first = request(R"({"code": "1"})");
  const auto second = request();
  waiting.push(first, alice);
  const auto bytes_of_one = waiting.bytes();
  EXPECT_GT(bytes_of_one, size_of(first));
  waiting.push(second, bob);
  EXPECT_EQ(waiting.size(), 2u);
  EXPECT_GT(waiting.bytes(), bytes_of_one);
  EXPECT_EQ(waiting.pop().message.header.msg_id, first.header.msg_id);
  EXPECT_EQ(waiting.pop().sender, bob);
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(waiting.bytes(), 0u);
}

TEST(WaitingRequests, an_id_belongs_to_its_sender_while_a_message_with_it_waits) {
  WaitingRequests waiting;
  auto twice = request();
  const std::string id(twice.header.msg_id);
  waiting.push(twice, alice);
  waiting.push(twice, alice);
  twice = request();
  waiting.pop();
  EXPECT_TRUE(waiting.is_id_of_another(id, bob));
  EXPECT_FALSE(waiting.is_id_of_another(id, alice));
  waiting.pop();
  EXPECT_FALSE(waiting.is_id_of_another(id, bob));
}

TEST(WaitingRequests, those_taken_over_come_later) {
  WaitingRequests waiting;
  WaitingRequests later;
  const auto first = request();
  const auto second = request();
  waiting.push(first, alice);
  later.push(second, bob);
  waiting.take_over(later);
  EXPECT_TRUE(later.empty());
  EXPECT_EQ(later.bytes(), 0u);
  EXPECT_EQ(waiting.pop().message.header.msg_id, first.header.msg_id);
  EXPECT_EQ(waiting.pop().message.header.msg_id, second.header.msg_id);
}

}  // namespace
}  // namespace nextgen_kernels
