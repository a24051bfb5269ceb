#include "synthetic_kernel/message.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels::synthetic {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

MessageParts sample_parts() {
  return {.header = make_header("id", "execute_request", "session"), .content = R"({"code": "echo"})"};
}

TEST(message_signer, agrees_with_rfc_4231) {
  const std::array<std::string_view, 2> parts{"what do ya want ", "for nothing?"};
  EXPECT_EQ(MessageSigner("Jefe").sign(parts).text(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(message_signer, hashes_a_key_longer_than_a_block) {
  const std::array<std::string_view, 1> parts{"Test Using Larger Than Block-Size Key - Hash Key First"};
  EXPECT_EQ(MessageSigner(std::string(131, '\xaa')).sign(parts).text(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(message_signer, an_empty_key_turns_signing_off) {
  MessageSigner signer("");
  const std::array<std::string_view, 1> parts{"anything"};
  EXPECT_EQ(signer.sign(parts).text(), "");
  EXPECT_TRUE(signer.verify("whatever", parts));
}

TEST(message, survives_encoding_and_parsing) {
  MessageSigner signer("key");
  const auto parts = sample_parts();
  const auto message = parse_message(encode_message({"one", "two"}, parts, signer), signer);
  ASSERT_TRUE(message);
  EXPECT_THAT(message->identities, ElementsAre("one", "two"));
  EXPECT_EQ(message->message_type, "execute_request");
  EXPECT_EQ(message->parts.content, parts.content);
}

TEST(message, a_changed_part_is_refused) {
  MessageSigner signer("key");
  auto frames = encode_message({}, sample_parts(), signer);
  frames.back() += ' ';
  const auto message = parse_message(frames, signer);
  ASSERT_FALSE(message);
  EXPECT_THAT(message.error().message, HasSubstr("signature"));
}

TEST(message, every_truncation_is_refused) {
  MessageSigner signer("key");
  const auto frames = encode_message({"identity"}, sample_parts(), signer);
  for (std::size_t size = 0; size < frames.size(); ++size)
    EXPECT_FALSE(
        parse_message(Frames(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(size)), signer));
}

TEST(message, a_header_without_a_type_is_refused) {
  MessageSigner signer("key");
  for (const char* header : {"", "[]", "{}", R"({"msg_type": 1})", "{"})
    EXPECT_FALSE(parse_message(encode_message({}, {.header = header}, signer), signer)) << header;
}

}  // namespace
}  // namespace nextgen_kernels::synthetic
