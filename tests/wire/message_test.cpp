#include "wire/message.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/json.h"
#include "wire/v1_message.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Parts = std::array<std::string_view, 4>;

/// The numbers at the start of a v1 payload: the offset count, then the offsets.
std::vector<std::uint64_t> v1_numbers(std::string_view payload) {
  std::vector<std::uint64_t> numbers;
  const auto number = [payload](std::size_t index) {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(payload.at(index * 8 + i));
    return value;
  };
  for (std::size_t i = 0; i <= number(0); ++i) numbers.push_back(number(i));
  return numbers;
}

TEST(Message, v1_offsets_are_those_of_jupyter_server) {
  const auto message = Message::make(Channel::shell, Parts{"{}", "{}", "{}", "{}"}, {});
  ASSERT_TRUE(message) << message.error().message;
  const auto payload = (*message)->v1_payload();
  EXPECT_THAT(v1_numbers(payload), ElementsAre(6, 56, 61, 63, 65, 67, 69));
  EXPECT_EQ(payload.substr(56), "shell{}{}{}{}");
}

TEST(Message, hands_out_the_parts_it_was_made_of) {
  const std::array<std::string_view, 3> buffers{std::string_view("\0\xFF", 2), "", "third"};
  const auto made = Message::make(
      Channel::iopub,
      Parts{R"({"msg_id":"m","msg_type":"stream"})", R"({"msg_id":"p"})", R"({"a":1})", "opaque"}, buffers);
  ASSERT_TRUE(made) << made.error().message;
  const auto& message = **made;
  EXPECT_EQ(message.channel(), Channel::iopub);
  EXPECT_EQ(message.header(), R"({"msg_id":"m","msg_type":"stream"})");
  EXPECT_EQ(message.parent_header(), R"({"msg_id":"p"})");
  EXPECT_EQ(message.metadata(), R"({"a":1})");
  EXPECT_EQ(message.content(), "opaque");
  ASSERT_EQ(message.buffer_count(), 3U);
  for (std::size_t i = 0; i < buffers.size(); ++i) EXPECT_EQ(message.buffer(i), buffers[i]);
  EXPECT_EQ(message.header_fields().msg_type, "stream");
  EXPECT_EQ(message.parent_fields().msg_id, "p");
}

TEST(Message, does_not_depend_on_the_bytes_it_was_made_of) {
  std::string header = R"({"msg_id":"a-long-enough-message-id"})";
  const auto message = Message::make(Channel::shell, Parts{header, "{}", "{}", "{}"}, {});
  ASSERT_TRUE(message);
  header.assign(header.size(), '#');
  EXPECT_EQ((*message)->header_fields().msg_id, "a-long-enough-message-id");
}

TEST(Message, the_frame_has_a_header_for_every_size_class) {
  constexpr std::size_t without_content = 69;
  const std::vector<std::pair<std::size_t, std::string>> headers{
      {125, std::string("\x82\x7D", 2)},
      {126, std::string("\x82\x7E\x00\x7E", 4)},
      {65'535, std::string("\x82\x7E\xFF\xFF", 4)},
      {65'536, std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10)}};
  for (const auto& [payload_size, header] : headers) {
    const std::string content(payload_size - without_content, 'x');
    const auto message = Message::make(Channel::control, Parts{"{}", "{}", "{}", content}, {});
    ASSERT_TRUE(message);
    const auto frame = (*message)->v1_frame();
    EXPECT_EQ(frame.substr(0, header.size()), header);
    EXPECT_TRUE(frame.substr(header.size()) == (*message)->v1_payload());
    EXPECT_EQ((*message)->v1_payload().size(), payload_size);
    EXPECT_TRUE((*message)->content() == content);
  }
}

TEST(Message, bytes_that_are_not_utf8_become_replacement_characters_in_both_protocols) {
  const std::array<std::string_view, 1> buffers{"\xFF\xC3"};
  const auto message =
      Message::make(Channel::iopub,
                    Parts{"{\"msg_id\":\"m\",\"username\":\"J\xF6rg\"}", "{\"msg_id\":\"\xFF\"}",
                          "{\"\xC3\":1}", "{\"text\":\"\xC3\xB6 \xF0\x9F\x98\x8D \xFF\xC3\"}"},
                    buffers);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ((*message)->header(), "{\"msg_id\":\"m\",\"username\":\"J\uFFFDrg\"}");
  EXPECT_EQ((*message)->parent_fields().msg_id, "\uFFFD");
  EXPECT_EQ((*message)->metadata(), "{\"\uFFFD\":1}");
  EXPECT_EQ((*message)->content(), "{\"text\":\"\u00F6 \U0001F60D \uFFFD\uFFFD\"}");
  EXPECT_EQ((*message)->buffer(0), buffers[0]);
  EXPECT_THAT(std::string((*message)->legacy_frame()), HasSubstr(std::string((*message)->content())));
}

TEST(Message, takes_as_many_buffers_as_can_be_read_again) {
  const Parts parts{R"({"msg_id":"m"})", "{}", "{}", "{}"};
  std::vector<std::string_view> buffers(V1Message::maximum_buffer_count, "x");
  const auto message = Message::make(Channel::iopub, parts, buffers);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_TRUE(Message::from_v1_payload((*message)->v1_payload()));
  buffers.emplace_back("x");
  const auto refused = Message::make(Channel::iopub, parts, buffers);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
}

TEST(Message, a_parent_of_null_is_an_empty_one) {
  const auto message = Message::make(Channel::iopub, Parts{R"({"msg_id":"m"})", "null", "{}", "[1]"}, {});
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ((*message)->parent_header(), "{}");
  EXPECT_EQ((*message)->header(), R"({"msg_id":"m"})");
  EXPECT_EQ((*message)->content(), "[1]");
}

TEST(Message, a_broken_header_or_parent_is_refused) {
  EXPECT_FALSE(Message::make(Channel::shell, Parts{"null", "{}", "{}", "{}"}, {}));
  for (const std::string_view broken : {"", "[]", "{", "{\"a\":}"}) {
    const auto header = Message::make(Channel::shell, Parts{broken, "{}", "{}", "{}"}, {});
    ASSERT_FALSE(header) << broken;
    EXPECT_EQ(header.error().code, ErrorCode::protocol);
    EXPECT_THAT(header.error().message, HasSubstr("message's header"));
    const auto parent = Message::make(Channel::shell, Parts{"{}", broken, "{}", "{}"}, {});
    ASSERT_FALSE(parent) << broken;
    EXPECT_THAT(parent.error().message, HasSubstr("parent_header"));
  }
}

TEST(Message, metadata_and_content_are_not_looked_at) {
  EXPECT_TRUE(Message::make(Channel::iopub, Parts{"{}", "{}", "NaN", "\xFF{"}, {}));
}

TEST(Message, is_restored_from_its_v1_payload) {
  const std::array<std::string_view, 2> buffers{"one", ""};
  const auto original = Message::make(Channel::stdin_, Parts{R"({"msg_id":"m"})", "{}", "{}", "{}"}, buffers);
  ASSERT_TRUE(original);
  const auto restored = Message::from_v1_payload((*original)->v1_payload());
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ((*restored)->v1_frame(), (*original)->v1_frame());
  EXPECT_EQ((*restored)->channel(), Channel::stdin_);
  EXPECT_FALSE(Message::from_v1_payload((*original)->v1_payload().substr(1)));
}

TEST(Message, memory_size_covers_the_bytes_and_stays_constant) {
  const std::string content = "{\"text\":\"" + std::string(10'000, 'x') + "\"}";
  const auto message = Message::make(Channel::iopub, Parts{"{}", "{}", "{}", content}, {});
  ASSERT_TRUE(message);
  const auto size = (*message)->memory_size();
  EXPECT_GE(size, content.size());
  EXPECT_FALSE((*message)->legacy_frame().empty());
  EXPECT_EQ((*message)->memory_size(), size);
}

TEST(Message, our_own_messages_are_complete) {
  const auto made =
      make_kernel_message(Channel::iopub, "status", R"({"execution_state": "dead"})", "{}", "s1");
  ASSERT_TRUE(made) << made.error().message;
  const auto& message = **made;
  EXPECT_EQ(message.channel(), Channel::iopub);
  EXPECT_EQ(message.header_fields().msg_type, "status");
  EXPECT_EQ(message.header_fields().session, "s1");
  EXPECT_EQ(message.content(), R"({"execution_state": "dead"})");
  EXPECT_EQ(message.parent_header(), "{}");
  EXPECT_TRUE(is_valid_json(message.header()));
}

}  // namespace
}  // namespace nextgen_kernels
