#include <array>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "../journal/messages.h"
#include "base/strings.h"
#include "plugin_fixture.h"
#include "plugins/plugin_listeners.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;

constexpr auto minute = std::chrono::minutes(1);

class PluginListenerTest : public PluginFixture {
 protected:
  PluginListenerTest() {
    // NOLINTBEGIN(concurrency-mt-unsafe): before there are threads.
    EXPECT_EQ(::pipe(output_.data()), 0);
    EXPECT_EQ(::pipe(gate_.data()), 0);
    ::setenv("LISTENER_OUTPUT", std::to_string(output_[1]).c_str(), 1);
    ::unsetenv("LISTENER_GATE");
    ::unsetenv("LISTENER_THROWS");
    // NOLINTEND(concurrency-mt-unsafe)
  }
  ~PluginListenerTest() override {
    for (const int end : {output_[0], output_[1], gate_[0], gate_[1]}) ::close(end);
  }

  void hold_up_listener() const { ::setenv("LISTENER_GATE", std::to_string(gate_[0]).c_str(), 1); }
  void let_pass(std::size_t messages) const {
    const std::string bytes(messages, '.');
    EXPECT_EQ(::write(gate_[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  void attach() {
    listeners_.attach(
        conversation_,
        {.class_reference = "test_plugin:LineListener",
         .about = {{"kernel_id", "id"}, {"kernel_name", "python3"}},
         .load_class = [this]() -> Result<const nk_class*> {
           return class_of("test_plugin:LineListener", PluginClassKind::listener);
         },
         .report = [this](const std::string& told) { asio::post(loop_, [this, told] { failure_ = told; }); },
         .patience = patience_});
  }

  void receive(Channel channel, const std::string& type, const std::string& parent) {
    conversation_->receive(make_message({.channel = channel, .type = type, .parent_id = parent}));
    conversation_->flush();
  }

  /// The lines it has written, up to the last one wanted.
  std::vector<std::string> read_lines(std::size_t count) const {
    std::vector<std::string> lines(1);
    while (lines.size() <= count) {
      char byte = 0;
      pollfd readable{.fd = output_[0], .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, 60'000) != 1 || ::read(output_[0], &byte, 1) != 1) break;
      if (byte == '\n')
        lines.emplace_back();
      else
        lines.back() += byte;
    }
    lines.pop_back();
    return lines;
  }

  std::array<int, 2> output_{};
  std::array<int, 2> gate_{};
  std::shared_ptr<Conversation> conversation_ = std::make_shared<Conversation>(Journal::Limits{});
  PluginListeners listeners_{loop_.get_executor()};
  std::string failure_ = "not told";
  std::chrono::steady_clock::duration patience_ = minute;
};

TEST_F(PluginListenerTest, it_sees_every_message_in_order_replies_to_others_included) {
  attach();
  const auto alice = conversation_->audience_of("alice");
  conversation_->record_request(make_request(Channel::shell, "execute_request", "{}", "alice").value(),
                                alice);
  receive(Channel::iopub, "stream", "a");
  receive(Channel::shell, "execute_reply", "a");
  receive(Channel::stdin_, "input_request", "b");
  conversation_->journal().close();
  EXPECT_TRUE(run(listeners_.drain(minute)));
  EXPECT_EQ(failure_, "");
  EXPECT_THAT(read_lines(5),
              ElementsAre("begin python3", "1 stream a", "2 execute_reply a", "3 input_request b", "end"));
}

TEST_F(PluginListenerTest, one_that_blocks_holds_up_nobody_and_sees_all_later) {
  hold_up_listener();
  attach();
  TestListener other(*conversation_, "bob");
  constexpr std::size_t count = 1000;
  for (std::size_t i = 0; i < count; ++i) receive(Channel::iopub, "stream", std::to_string(i));
  EXPECT_EQ(other.messages.size(), count);
  let_pass(count);
  conversation_->journal().close();
  EXPECT_TRUE(run(listeners_.drain(minute)));
  const auto lines = read_lines(count + 2);
  ASSERT_EQ(lines.size(), count + 2);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(lines[i + 1], fmt::format("{} stream {}", i + 1, i));
}

TEST_F(PluginListenerTest, it_is_told_which_messages_went_before_it_came_to_them) {
  const auto size = make_message({.type = "stream", .parent_id = "0"})->memory_size();
  conversation_ =
      std::make_shared<Conversation>(Journal::Limits{.memory_bytes = 4 * size, .retained_bytes = 2 * size});
  attach();
  // It is given messages by the event loop, which does not run meanwhile.
  for (int i = 0; i < 9; ++i) receive(Channel::iopub, "stream", std::to_string(i));
  conversation_->journal().close();
  EXPECT_TRUE(run(listeners_.drain(minute)));
  EXPECT_THAT(read_lines(7), ElementsAre("begin python3", "lost 1 5", "6 stream 5", "7 stream 6",
                                         "8 stream 7", "9 stream 8", "end"));
}

TEST_F(PluginListenerTest, a_constructor_that_throws_is_told_and_ends_it) {
  ::setenv("LISTENER_THROWS", "1", 1);
  attach();
  receive(Channel::iopub, "stream", "a");
  EXPECT_TRUE(run(listeners_.drain(minute)));
  EXPECT_EQ(failure_, "Creating test_plugin:LineListener failed: the listener threw");
}

TEST_F(PluginListenerTest, nobody_waits_longer_than_patience_for_one_that_blocks) {
  hold_up_listener();
  attach();
  receive(Channel::iopub, "stream", "a");
  EXPECT_THAT(read_lines(1), ElementsAre("begin python3"));
  conversation_->journal().close();
  EXPECT_FALSE(run(listeners_.drain(std::chrono::milliseconds(1))));
  let_pass(1);
  EXPECT_TRUE(run(listeners_.drain(minute)));
}

TEST_F(PluginListenerTest, what_is_left_of_a_journal_is_not_kept_for_one_that_does_not_come_back) {
  hold_up_listener();
  patience_ = std::chrono::milliseconds(20);
  attach();
  receive(Channel::iopub, "stream", "a");
  EXPECT_THAT(read_lines(1), ElementsAre("begin python3"));
  conversation_->journal().close();
  const auto gone = std::weak_ptr(std::exchange(conversation_, nullptr));
  run_until([&] { return gone.expired(); });
  let_pass(1);
  EXPECT_TRUE(run(listeners_.drain(minute))) << "once it comes back, it ends";
}

TEST_F(PluginListenerTest, one_whose_kernel_never_started_ends) {
  use_classes("test_plugin:OwnProvisioner", "", {{"behaviour", "throw"}});
  auto& kernel = make_kernel(synthetic_spec());
  conversation_ = kernel.conversation();
  attach();
  EXPECT_FALSE(run(kernel.start_kernel()));
  kernel_.reset();
  EXPECT_TRUE(run(listeners_.drain(minute)));
  EXPECT_THAT(read_lines(4), ElementsAre("begin python3", "1 stream ", "2 status ", "end"));
}

}  // namespace
}  // namespace nextgen_kernels
