#include "wire/zmtp.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using namespace std::string_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using Step = ZmtpDecoder::Step;

std::string big_endian(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

std::string property(const std::string& name, const std::string& value) {
  return big_endian(name.size(), 1) + name + big_endian(value.size(), 4) + value;
}

std::string command(const std::string& body) {
  return "\x04" + big_endian(body.size(), 1) + body;
}

std::string ready(const std::string& socket_type) {
  return command("\x05READY" + property("Socket-Type", socket_type) + property("Identity", ""));
}

/// All that a peer says until messages follow.
std::string hello(const std::string& socket_type) {
  return ZmtpDecoder::greeting() + ready(socket_type);
}

/// What a decoder made of the bytes, each step in words.
struct Outcome {
  std::vector<std::string> steps;
  std::vector<std::vector<std::string>> messages;
  std::string answers;
  std::string error;
};

Outcome feed(ZmtpDecoder& decoder, std::string_view bytes, std::size_t piece_size) {
  Outcome outcome;
  while (outcome.error.empty()) {
    const auto step = decoder.next();
    if (!step) {
      outcome.error = step.error().message;
    } else if (*step == Step::message) {
      outcome.messages.emplace_back(decoder.frames().begin(), decoder.frames().end());
    } else if (*step == Step::oversized_message) {
      outcome.steps.push_back(std::to_string(decoder.message_size()) + " bytes");
      outcome.messages.emplace_back(decoder.frames().begin(), decoder.frames().end());
    } else if (*step == Step::command) {
      outcome.steps.emplace_back("command");
    } else if (*step == Step::pause) {
      outcome.steps.emplace_back("pause");
    } else if (*step == Step::answer) {
      outcome.steps.emplace_back("answer");
      outcome.answers += decoder.take_answer();
    } else if (*step == Step::ready) {
      outcome.steps.emplace_back("ready");
    } else {
      if (bytes.empty()) return outcome;
      const auto space = decoder.space();
      const auto count = std::min({space.size(), bytes.size(), piece_size});
      std::memcpy(space.data(), bytes.data(), count);
      decoder.received(count);
      bytes.remove_prefix(count);
    }
  }
  return outcome;
}

std::string encoded(const std::vector<std::string>& frames) {
  const std::vector<std::string_view> views(frames.begin(), frames.end());
  std::string bytes;
  append_zmtp_message(bytes, views);
  return bytes;
}

TEST(Zmtp, greeting_is_that_of_version_3_without_security) {
  EXPECT_EQ(ZmtpDecoder::greeting(), "\xFF\0\0\0\0\0\0\0\0\x7F\x03\0NULL"s + std::string(48, '\0'));
}

TEST(Zmtp, frames_have_short_and_long_headers) {
  EXPECT_EQ(encoded({"a", ""}), "\x01\x01"s + "a\x00\x00"s);
  const std::string longer(256, 'x');
  EXPECT_EQ(encoded({longer}), "\x02\0\0\0\0\0\0\x01\0"s + longer);
  EXPECT_EQ(encoded({std::string(255, 'x')}).size(), 257U);
}

TEST(Zmtp, dealer_names_itself_and_is_ready_when_the_peer_is) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
  const auto outcome = feed(decoder, hello("ROUTER"), 1000);
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.steps, ElementsAre("answer", "ready"));
  EXPECT_EQ(outcome.answers,
            command("\x05READY" + property("Socket-Type", "DEALER") + property("Identity", "me")));
}

TEST(Zmtp, sub_subscribes_to_everything_before_it_is_ready) {
  ZmtpDecoder decoder(ZmqSocketType::sub, "");
  const auto outcome = feed(decoder, hello("XPUB"), 1000);
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.steps, ElementsAre("answer", "answer", "ready"));
  EXPECT_EQ(outcome.answers, command("\x05READY" + property("Socket-Type", "SUB")) + "\x00\x01\x01"s);
}

TEST(Zmtp, router_takes_messages_of_those_who_ask_and_answers_them) {
  for (const auto* peer : {"DEALER", "REQ", "ROUTER"}) {
    ZmtpDecoder decoder(ZmqSocketType::router, "");
    const auto outcome = feed(decoder, hello(peer) + encoded({"", "question"}), 1000);
    EXPECT_EQ(outcome.error, "");
    EXPECT_THAT(outcome.steps, ElementsAre("answer", "ready"));
    EXPECT_EQ(outcome.answers, ready("ROUTER"));
    EXPECT_THAT(outcome.messages, ElementsAre(ElementsAre("", "question")));
  }
}

TEST(Zmtp, messages_do_not_depend_on_how_the_stream_is_cut) {
  const std::vector<std::vector<std::string>> messages = {
      {"one"}, {"", "two", std::string(300, 'b')}, {std::string(100'000, 'c'), ""}, {"last"}};
  auto stream = hello("ROUTER");
  for (const auto& message : messages) stream += encoded(message);
  for (const std::size_t piece_size : {1, 2, 7, 64, 1000, 16384, 1'000'000}) {
    ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
    const auto outcome = feed(decoder, stream, piece_size);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.messages, messages) << "in pieces of " << piece_size;
  }
}

TEST(Zmtp, ping_is_answered_with_its_context_even_between_frames_of_a_message) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
  const auto two = encoded({"a", "b"});
  const auto stream = two.substr(0, 3) + command("\x04PING" + "\x00\x0A"s + "context") + two.substr(3);
  feed(decoder, hello("ROUTER"), 1000);
  const auto outcome = feed(decoder, stream, 1000);
  EXPECT_EQ(outcome.answers, command("\x04PONGcontext"));
  EXPECT_THAT(outcome.messages, ElementsAre(ElementsAre("a", "b")));
}

TEST(Zmtp, unknown_commands_mean_nothing) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
  const auto outcome = feed(decoder, hello("ROUTER") + command("\x03NEWabc") + encoded({"a"}), 1000);
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.steps, ElementsAre("answer", "ready", "command"));
  EXPECT_THAT(outcome.messages, ElementsAre(ElementsAre("a")));
}

std::string error_of(ZmqSocketType type, std::string_view stream) {
  ZmtpDecoder decoder(type, "me", {.message_bytes = 1000, .message_frames = 32});
  const auto outcome = feed(decoder, stream, 1);
  EXPECT_TRUE(outcome.messages.empty());
  return outcome.error;
}

TEST(Zmtp, another_protocol_is_named_by_its_first_bytes) {
  EXPECT_THAT(error_of(ZmqSocketType::dealer, "HTTP/1.1 400 Bad Request\r\n"), HasSubstr("began with 'H'"));
  EXPECT_THAT(error_of(ZmqSocketType::dealer, "\xFF\x01\x02\x03\x04\x05\x06\x07\x08\x08"), HasSubstr("ZMTP"));
}

TEST(Zmtp, old_versions_and_security_mechanisms_are_refused_by_name) {
  auto old = ZmtpDecoder::greeting();
  old[10] = 1;
  EXPECT_THAT(error_of(ZmqSocketType::dealer, old), HasSubstr("version 1"));
  auto curve = ZmtpDecoder::greeting();
  curve.replace(12, 5, "CURVE");
  EXPECT_THAT(error_of(ZmqSocketType::dealer, curve), HasSubstr("'CURVE'"));
}

TEST(Zmtp, sockets_that_do_not_fit_are_refused) {
  EXPECT_THAT(error_of(ZmqSocketType::dealer, hello("PUB")), HasSubstr("PUB socket"));
  EXPECT_THAT(error_of(ZmqSocketType::sub, hello("ROUTER")), HasSubstr("ROUTER socket"));
  EXPECT_THAT(error_of(ZmqSocketType::router, hello("SUB")), HasSubstr("SUB socket"));
}

TEST(Zmtp, an_error_of_the_peer_is_repeated) {
  EXPECT_THAT(error_of(ZmqSocketType::dealer, ZmtpDecoder::greeting() + command("\x05"
                                                                                "ERROR\x07go away")),
              HasSubstr("'go away'"));
}

TEST(Zmtp, malformed_handshakes_are_errors) {
  const auto greeting = ZmtpDecoder::greeting();
  for (const auto& bytes : {"\x00\x00"s, command(""), command("\x05REA"), command("\x03WHO"),
                            command("\x05READY\x0B"
                                    "Socket-Type\x00\x00\x00\xFF"s +
                                    "ROUTER"),
                            command("\x05READY\x0BSocket")})
    EXPECT_NE(error_of(ZmqSocketType::dealer, greeting + bytes), "");
}

TEST(Zmtp, frames_with_unknown_flags_and_endless_commands_are_errors) {
  const auto ready_dealer = hello("ROUTER");
  EXPECT_THAT(error_of(ZmqSocketType::dealer, ready_dealer + "\x08\x00"s), HasSubstr("flags"));
  EXPECT_THAT(error_of(ZmqSocketType::dealer, ready_dealer + "\x05\x00"s), HasSubstr("flags"));
  EXPECT_THAT(error_of(ZmqSocketType::dealer, ready_dealer + "\x06" + big_endian(100'000, 8)),
              HasSubstr("command"));
}

TEST(Zmtp, messages_over_the_limit_are_refused_before_they_take_memory) {
  const auto ready_dealer = hello("ROUTER");
  for (const auto size : {std::size_t{1001}, std::size_t{1} << 40, ~std::size_t{0}})
    EXPECT_THAT(error_of(ZmqSocketType::dealer, ready_dealer + "\x02" + big_endian(size, 8)),
                HasSubstr("more than 1000 bytes"));
  std::string many = ready_dealer;
  for (int i = 0; i < 6; ++i) many += "\x01\xC8" + std::string(200, 'x');
  EXPECT_THAT(error_of(ZmqSocketType::dealer, many), HasSubstr("more than 1000 bytes"));
  std::string frames = hello("DEALER");
  for (int i = 0; i < 33; ++i) frames += "\x01\x01x";
  EXPECT_THAT(error_of(ZmqSocketType::router, frames), HasSubstr("more than 32 frames"));
}

TEST(Zmtp, bytes_are_copied_in_proportion_to_what_is_read) {
  for (const std::size_t frame_count : {1, 100, 10'000}) {
    for (const std::size_t frame_size : {1, 1000}) {
      const auto message = encoded(std::vector<std::string>(frame_count, std::string(frame_size, 'x')));
      ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
      feed(decoder, hello("ROUTER"), 1000);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(feed(decoder, message, 4096).messages.size(), 1U);
      EXPECT_LE(decoder.copied_bytes(), 4 * (3 * message.size() + 16 * 1024))
          << frame_count << " frames of " << frame_size << " bytes";
    }
  }
}

TEST(Zmtp, a_message_of_many_frames_is_read_with_pauses) {
  for (const std::size_t kept_frames : {100, 1'000'000}) {
    ZmtpDecoder decoder(ZmqSocketType::dealer, "me", {.kept_frames = kept_frames});
    feed(decoder, hello("ROUTER"), 1000);
    const auto outcome = feed(decoder, encoded(std::vector<std::string>(100'000, "x")), 1'000'000);
    EXPECT_THAT(outcome.steps, Contains("pause"));
    ASSERT_EQ(outcome.messages.size(), 1U);
    EXPECT_EQ(outcome.messages.front().size(), std::min<std::size_t>(kept_frames, 100'000));
  }
}

TEST(Zmtp, commands_between_the_frames_of_a_message_take_no_memory) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
  feed(decoder, hello("ROUTER") + "\x01\x01x", 1000);
  const auto ping = command("\x04PING" + "\x00\x0A"s + "context");
  for (int i = 0; i < 100'000; ++i) feed(decoder, ping, 1000);
  EXPECT_LE(decoder.space().size(), std::size_t{64} * 1024);
  EXPECT_THAT(feed(decoder, "\x00\x01y"s, 1000).messages, ElementsAre(ElementsAre("x", "y")));
}

TEST(Zmtp, what_exceeds_the_kept_size_is_skipped_and_the_first_frames_tell_what_it_was) {
  const std::string large(1'000'000, 'x');
  const std::vector<std::vector<std::string>> oversized = {
      {"a", "b", large}, {"a", "b", large, large, "", "c"}, {"a", "b", std::string(100'001, 'x')}};
  for (const std::size_t piece_size : {1, 1000, 1'000'000}) {
    ZmtpDecoder decoder(ZmqSocketType::dealer, "me", {.kept_bytes = 100'000});
    feed(decoder, hello("ROUTER"), 1000);
    for (const auto& message : oversized) {
      std::size_t size = 0;
      for (const auto& frame : message) size += frame.size();
      const auto outcome = feed(decoder, encoded(message) + encoded({"next"}), piece_size);
      EXPECT_EQ(outcome.error, "");
      EXPECT_THAT(outcome.steps, ElementsAre(std::to_string(size) + " bytes"));
      EXPECT_THAT(outcome.messages, ElementsAre(ElementsAre("a", "b"), ElementsAre("next")));
    }
    EXPECT_LE(decoder.space().size(), std::size_t{1} << 20);
  }
}

TEST(Zmtp, of_a_message_of_too_many_frames_the_first_are_kept) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me", {.kept_frames = 3});
  const std::vector<std::string> frames(10, "x");
  const auto outcome = feed(decoder, hello("ROUTER") + encoded(frames) + encoded({"next"}), 7);
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.messages, ElementsAre(ElementsAre("x", "x", "x"), ElementsAre("next")));
}

TEST(Zmtp, large_frames_before_the_skipped_one_are_not_kept) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me", {.kept_bytes = 5'000'000});
  feed(decoder, hello("ROUTER"), 1000);
  const std::string large(3'000'000, 'x');
  auto cut = encoded({"a", large, large, "end"});
  const auto end = cut.substr(cut.size() - 10);
  cut.resize(cut.size() - 10);
  feed(decoder, cut, 100'000);
  EXPECT_LE(decoder.space().size(), std::size_t{512} * 1024);
  EXPECT_THAT(feed(decoder, end, 100).messages, ElementsAre(ElementsAre("a")));
}

TEST(Zmtp, a_handshake_that_begins_with_a_message_is_refused_before_it_takes_memory) {
  EXPECT_THAT(
      error_of(ZmqSocketType::dealer, ZmtpDecoder::greeting() + "\x02" + big_endian(std::size_t{1} << 20, 8)),
      HasSubstr("malformed"));
}

TEST(Zmtp, a_huge_frame_takes_memory_only_as_it_comes) {
  ZmtpDecoder decoder(ZmqSocketType::dealer, "me");
  feed(decoder, hello("ROUTER") + "\x02" + big_endian(std::size_t{1} << 30, 8), 1000);
  EXPECT_LE(decoder.space().size(), std::size_t{64} * 1024);
}

}  // namespace
}  // namespace nextgen_kernels
