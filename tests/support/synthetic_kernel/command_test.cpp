#include "synthetic_kernel/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels::synthetic {
namespace {

using testing::HasSubstr;

TEST(command, flood_has_count_and_size) {
  const auto command = parse_command("flood 1000 100");
  ASSERT_TRUE(command);
  const auto& flood = std::get<FloodCommand>(*command);
  EXPECT_EQ(flood.count, 1000U);
  EXPECT_EQ(flood.text_size, 100U);
  EXPECT_FALSE(flood.per_second);
}

TEST(command, flood_rate_has_a_rate) {
  const auto command = parse_command("flood-rate 10 20 30");
  ASSERT_TRUE(command);
  EXPECT_EQ(std::get<FloodCommand>(*command).per_second, 30U);
}

TEST(command, buffers_have_count_and_size) {
  const auto command = parse_command("buffers 1000 100");
  ASSERT_TRUE(command);
  const auto& buffers = std::get<BuffersCommand>(*command);
  EXPECT_EQ(buffers.count, 1000U);
  EXPECT_EQ(buffers.size, 100U);
}

TEST(command, text_commands_keep_their_text) {
  EXPECT_EQ(std::get<PrintCommand>(*parse_command("print two  words")).text, "two  words");
  EXPECT_EQ(std::get<InputCommand>(*parse_command("input name: \n")).prompt, "name:");
}

TEST(command, lose_reply_takes_its_time) {
  EXPECT_EQ(std::get<LoseReplyCommand>(*parse_command("lose-reply 20")).duration,
            std::chrono::milliseconds(20));
}

TEST(command, surrounding_white_space_is_ignored) {
  EXPECT_TRUE(std::holds_alternative<EchoCommand>(*parse_command("\n echo \n")));
}

TEST(command, an_unknown_command_names_the_known_ones) {
  const auto command = parse_command("print_hello");
  ASSERT_FALSE(command);
  EXPECT_THAT(command.error().message, HasSubstr("flood COUNT SIZE"));
}

class RefusedCommand : public testing::TestWithParam<const char*> {};

TEST_P(RefusedCommand, is_an_error) {
  EXPECT_FALSE(parse_command(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(command, RefusedCommand,
                         testing::Values("", "flood", "flood 1", "flood 1 100 1", "flood -1 100", "flood 1 9",
                                         "flood 1 99999999999", "flood 1x 100", "buffers 1",
                                         "buffers 100001 0", "buffers 100000 100000",
                                         "flood 99999999999999999999999 100", "flood-rate 1 100 0", "die",
                                         "die now", "sleep 1.5", "echo twice"));

}  // namespace
}  // namespace nextgen_kernels::synthetic
