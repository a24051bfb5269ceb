#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kernel_websocket_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string numbered(int number) {
  return "message " + std::to_string(number);
}

class ResumeTest : public KernelWebSocketTest {
 protected:
  /// Reads frames and gives what stands in them: texts, states, or the type.
  std::vector<std::string> read(TestWebSocket& socket, int count) {
    std::vector<std::string> result;
    for (int i = 0; i < count; ++i) result.push_back(shown(receive_v1(socket)));
    return result;
  }

  static std::string shown(const Seen& seen) {
    if (seen.type == "stream") return seen.content.at("text");
    if (seen.type == "status") return "state " + seen.content.at("execution_state").get<std::string>();
    return seen.type;
  }

  /// `&resume_from=…` for who has got `frames` frames of a connection.
  static std::string resume_after(const TestWebSocket& socket, std::uint64_t frames) {
    const auto first = std::stoull(socket.handshake.header("Nextgen-Kernels-First-Frame"));
    return "&resume_from=" + socket.handshake.header("Nextgen-Kernels-Journal") + ":" +
           std::to_string(first + frames);
  }

  /// The answer to a request to open a WebSocket that is refused.
  TestResponse refusal(const std::string& kernel_id, const std::string& query) {
    return request_with(
        "Authorization: token secret-token\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "GET", "/api/kernels/" + kernel_id + "/channels?" + query);
  }

  void print_numbered(const std::string& kernel_id, int first, int last) {
    std::vector<std::string> texts;
    for (int i = first; i <= last; ++i) texts.push_back(numbered(i));
    print(kernel_id, texts);
  }

  /// A client's request, on its way to the kernel.
  void ask(TestWebSocket& socket, const std::string& request_id) {
    const auto before = sent_ids().size();
    socket.send_frame(WebSocketOpcode::binary, v1_request(request_id));
    wait_for_sent(before + 1);
  }
};

// Explicitly
// ------------------------------------------------------------------------------------------------------------

TEST_F(ResumeTest, goes_on_at_the_frame_that_is_asked_for_and_counts_on) {
  start();
  const auto id = start_ready_kernel();
  auto socket = std::make_unique<TestWebSocket>(open_v1(id));
  print_numbered(id, 1, 5);
  EXPECT_THAT(read(*socket, 4), ElementsAre("state idle", numbered(1), numbered(2), numbered(3)));
  const auto resume = resume_after(*socket, 4);
  socket->connection().close();
  print_numbered(id, 6, 6);
  auto resumed = open_v1(id, resume);
  EXPECT_THAT(read(resumed, 4), ElementsAre("state idle", numbered(4), numbered(5), numbered(6)));
  // Frame by frame, whatever has been received.
  for (int got = 0; got < 4; ++got) {
    auto again = open_v1(id, resume_after(resumed, got));
    EXPECT_EQ(read(again, 2).back(), numbered(std::max(got, 1) + 3)) << got;
    EXPECT_EQ(again.handshake.header("Nextgen-Kernels-First-Frame"),
              std::to_string(std::stoull(resumed.handshake.header("Nextgen-Kernels-First-Frame")) + got));
  }
}

TEST_F(ResumeTest, counts_frames_right_where_messages_are_for_others) {
  start();
  const auto id = start_ready_kernel();
  auto other = open_v1_idle(id, "&session_id=other");
  auto socket = open_v1(id, "&session_id=mine");
  ask(other, "o1");
  ask(socket, "m1");
  for (int i = 1; i <= 3; ++i) {
    say(id, Channel::shell, "execute_reply", request_header("o1"));
    print_numbered(id, i, i);
    say(id, Channel::stdin_, "input_request", request_header("m1"));
  }
  const std::vector<std::string> expected = {"state idle",    numbered(1), "input_request", numbered(2),
                                             "input_request", numbered(3), "input_request"};
  EXPECT_EQ(read(socket, 7), expected);
  for (std::size_t got = 1; got < expected.size(); ++got) {
    auto resumed = open_v1(id, "&session_id=mine" + resume_after(socket, got));
    read(resumed, 1);
    const auto rest = std::vector(expected.begin() + static_cast<std::ptrdiff_t>(got), expected.end());
    EXPECT_EQ(read(resumed, static_cast<int>(rest.size())), rest) << got;
  }
}

TEST_F(ResumeTest, works_for_a_connection_that_the_server_takes_for_alive) {
  start();
  const auto id = start_ready_kernel();
  auto old = open_v1(id);
  print_numbered(id, 1, 3);
  auto resumed = open_v1(id, resume_after(old, 2));
  EXPECT_THAT(read(resumed, 3), ElementsAre("state idle", numbered(2), numbered(3)));
}

TEST_F(ResumeTest, goes_on_across_a_restart) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  EXPECT_EQ(socket.handshake.header("Nextgen-Kernels-Epoch"), "1");
  print_numbered(id, 1, 2);
  EXPECT_EQ(request("POST", "/api/kernels/" + id + "/restart").status, 200u);
  wait_until([this, id] { return kernels_->find_kernel(id)->execution_state() == ExecutionState::idle; });
  print_numbered(id, 3, 3);
  auto resumed = open_v1(id, resume_after(socket, 2));
  EXPECT_THAT(read(resumed, 4), ElementsAre("state idle", numbered(2), "state idle", numbered(3)));
  EXPECT_EQ(resumed.handshake.header("Nextgen-Kernels-Epoch"), "2");
}

TEST_F(ResumeTest, tells_what_is_gone_and_goes_on) {
  kernel_options_.journal_limits.memory_messages = 10;
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  const auto resume = resume_after(socket, 1);
  socket.connection().close();
  print_numbered(id, 1, 30);
  auto resumed = open_v1(id, resume);
  const auto seen = read(resumed, 13);
  EXPECT_THAT(seen[1], HasSubstr("(up to 20 for this client) are lost"));
  EXPECT_EQ(seen[2], "state idle") << "its changes may be among what is gone";
  EXPECT_EQ(seen[3], numbered(21));
  EXPECT_EQ(seen[12], numbered(30));
  // Who did not get the notice is told again; who did is not.
  auto again = open_v1(id, resume_after(resumed, 1));
  EXPECT_THAT(read(again, 2).back(), HasSubstr("(up to 20 for this client) are lost"));
  for (const auto got : {2, 3}) {
    auto after = open_v1(id, resume_after(resumed, got));
    EXPECT_EQ(read(after, 2).back(), numbered(21)) << got;
  }
}

TEST_F(ResumeTest, refuses_what_it_cannot_resume_and_says_why) {
  start();
  const auto id = start_ready_kernel();
  const auto other_id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  const auto journal = socket.handshake.header("Nextgen-Kernels-Journal");
  const auto malformed = refusal(id, "resume_from=" + journal);
  EXPECT_EQ(malformed.status, 400u);
  EXPECT_THAT(malformed.json().at("message").get<std::string>(), HasSubstr("must be ID:N"));
  const auto elsewhere = refusal(other_id, "resume_from=" + journal + ":1");
  EXPECT_EQ(elsewhere.status, 410u);
  EXPECT_THAT(elsewhere.json().at("message").get<std::string>(), HasSubstr("another kernel"));
  const auto unknown = refusal(id, "resume_from=" + journal + "9:1");
  EXPECT_EQ(unknown.status, 410u);
  EXPECT_THAT(unknown.json().at("message").get<std::string>(), HasSubstr("not known"));
  const auto beyond = refusal(id, "resume_from=" + journal + ":1000000");
  EXPECT_EQ(beyond.status, 400u);
  EXPECT_THAT(beyond.json().at("message").get<std::string>(), HasSubstr("nothing beyond frame"));
  const auto before = refusal(id, "resume_from=" + journal + ":0");
  EXPECT_EQ(before.status, 400u);
  EXPECT_THAT(before.json().at("message").get<std::string>(), HasSubstr("began with frame"));
  EXPECT_EQ(refusal(id, "replay=some").status, 400u);
  EXPECT_EQ(refusal(id, "msg_types=a&exclude_msg_types=b").status, 400u);
  const auto twice = refusal(id, "msg_types=a&msg_types=b");
  EXPECT_EQ(twice.status, 400u);
  EXPECT_THAT(twice.json().at("message").get<std::string>(), HasSubstr("msg_types is given 2 times"));
}

TEST_F(ResumeTest, replies_are_for_the_session_of_the_connection_that_is_resumed) {
  start();
  const auto id = start_ready_kernel();
  auto named = open_v1_idle(id, "&session_id=mine");
  auto nameless = open_v1_idle(id);
  const auto resume_named = resume_after(named, 1);
  const auto resume_nameless = resume_after(nameless, 1);
  ask(named, "r1");
  ask(nameless, "r2");
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  say(id, Channel::shell, "inspect_reply", request_header("r2"));
  const auto other = refusal(id, "session_id=other" + resume_named);
  EXPECT_EQ(other.status, 400u);
  EXPECT_THAT(other.json().at("message").get<std::string>(), HasSubstr("another session"));
  for (const auto* session : {"&session_id=mine", ""}) {
    auto resumed = open_v1(id, session + resume_named);
    EXPECT_THAT(read(resumed, 2), ElementsAre("state idle", "execute_reply"));
  }
  auto resumed = open_v1(id, resume_nameless);
  EXPECT_THAT(read(resumed, 2), ElementsAre("state idle", "inspect_reply"));
}

TEST_F(ResumeTest, goes_on_at_any_frame_however_many_messages_a_filter_left_out) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id, "&exclude_msg_types=execute_input");
  constexpr int count = 6000;
  for (int i = 1; i <= count; ++i) {
    on_loop([&] {
      kernels_->find_kernel(id)->conversation()->receive(
          make_kernel_message(Channel::iopub, "execute_input", "{}", "{}", "kernel").value());
    });
    print_numbered(id, i, i);
    ASSERT_EQ(read(socket, 1).front(), numbered(i));
  }
  for (const auto got : {0, 100, count}) {
    auto resumed = open_v1(id, "&exclude_msg_types=execute_input" + resume_after(socket, 1 + got));
    EXPECT_THAT(read(resumed, 1), ElementsAre("state idle"));
    if (got < count) EXPECT_THAT(read(resumed, 1), ElementsAre(numbered(got + 1)));
  }
}

// By session
// ------------------------------------------------------------------------------------------------------------

TEST_F(ResumeTest, a_session_that_comes_back_goes_on_after_what_it_has_acknowledged) {
  settings_.websockets.acknowledgement_delay = std::chrono::milliseconds(1);
  start();
  const auto id = start_ready_kernel();
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    ask(socket, "r1");
    print(id, {"seen"});
    EXPECT_EQ(receive_v1(socket).content.at("text"), "seen");
    while (on_loop([&] {
      const auto place = kernels_->find_kernel(id)->conversation()->places().find_newest("a");
      return place->frames.acknowledged() != place->frames.next();
    }))
      acknowledge(socket, id, "a");
    print(id, {"not acknowledged"});
    EXPECT_EQ(receive_v1(socket).content.at("text"), "not acknowledged");
  }
  wait_for_connections(id, 0);
  print(id, {"missed"});
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  auto stranger = open_v1_idle(id, "&session_id=b");
  auto back = open_v1_idle(id, "&session_id=a");
  EXPECT_THAT(read(back, 3), ElementsAre("not acknowledged", "missed", "execute_reply"));
  print(id, {"new"});
  EXPECT_THAT(read(back, 1), ElementsAre("new"));
  EXPECT_THAT(read(stranger, 1), ElementsAre("new"));
}

TEST_F(ResumeTest, a_session_that_never_acknowledged_gets_everything_again) {
  start();
  const auto id = start_ready_kernel();
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back(std::to_string(i) + std::string(500'000, 'x'));
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    print(id, texts);
  }
  wait_for_connections(id, 0);
  auto back = open_v1_idle(id, "&session_id=a");
  for (const auto& text : texts) ASSERT_EQ(receive_v1(back).content.at("text"), text);
}

TEST_F(ResumeTest, a_session_that_said_goodbye_has_what_it_said_it_has) {
  settings_.websockets.acknowledgement_delay = std::chrono::hours(1);
  start();
  const auto id = start_ready_kernel();
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    ask(socket, "r1");
    say(id, Channel::shell, "execute_reply", request_header("r1"));
    const auto seen = acknowledge(socket, id, "a");  // Asked at once: the request has ended.
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen.front().type, "execute_reply");
    socket.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
    EXPECT_EQ(socket.receive_close(), 1000);
  }
  wait_for_connections(id, 0);
  print(id, {"missed"});
  auto back = open_v1_idle(id, "&session_id=a");
  EXPECT_THAT(read(back, 1), ElementsAre("missed"));
}

TEST_F(ResumeTest, what_a_session_had_not_read_when_it_said_goodbye_comes_again) {
  start();
  const auto id = start_ready_kernel();
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    print(id, {"on its way"});
    wait_until([&] {  // Its system has it, as TCP says, or a proxy: it has not.
      const auto place = kernels_->find_kernel(id)->conversation()->places().find_newest("a");
      return place->frames.next() == place->frames.first() + 2;
    });
    socket.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
    wait_for_connections(id, 0);
  }
  auto back = open_v1_idle(id, "&session_id=a");
  EXPECT_THAT(read(back, 1), ElementsAre("on its way"));
}

TEST_F(ResumeTest, a_client_that_leaves_because_of_a_restart_is_told_of_it_once) {
  settings_.websockets.acknowledgement_delay = std::chrono::hours(1);
  start();
  const auto id = start_ready_kernel();
  const auto come_back_after = [&](std::uint16_t close_code) {
    const auto session = "&session_id=left-with-" + std::to_string(close_code);
    {
      auto socket = open_v1_idle(id, session);
      print(id, {"before"});
      on_loop([&] {
        const auto conversation = kernels_->find_kernel(id)->conversation();
        conversation->publish_status(ExecutionState::restarting);
        conversation->publish_status(ExecutionState::idle);
        conversation->flush();
      });
      std::vector<std::string> seen;
      while (seen.size() < 3) {  // No ping is answered.
        const auto event = socket.receive().value();
        if (event.opcode != WebSocketOpcode::ping) seen.push_back(shown(parse_v1(event)));
      }
      EXPECT_THAT(seen, ElementsAre("before", "state restarting", "state idle"));
      socket.send_frame(WebSocketOpcode::close, close_payload(close_code, ""));
      wait_for_connections(id, 0);
    }
    print(id, {"later"});
    auto back = open_v1_idle(id, session);
    std::vector<std::string> seen;
    while (seen.empty() || seen.back() != "later") seen.push_back(shown(receive_v1(back)));
    return seen;
  };
  EXPECT_THAT(come_back_after(1000), ElementsAre("state idle", "later"));
  EXPECT_THAT(come_back_after(1001), ElementsAre("before", "state restarting", "state idle", "later"))
      << "its page was left: who knows what it has";
}

TEST_F(ResumeTest, a_session_comes_back_after_any_number_of_others) {
  start();
  const auto id = start_ready_kernel();
  open_v1_idle(id, "&session_id=mine");
  for (int i = 0; i < 120; ++i) open_v1_idle(id);
  wait_for_connections(id, 0);
  print(id, {"missed"});
  auto back = open_v1_idle(id, "&session_id=mine");
  EXPECT_THAT(read(back, 1), ElementsAre("missed"));
}

TEST_F(ResumeTest, a_session_that_is_forgotten_is_told) {
  start();
  const auto id = start_ready_kernel();
  open_v1_idle(id, "&session_id=mine");
  wait_for_connections(id, 0);
  on_loop([&] {
    auto& sessions = kernels_->find_kernel(id)->conversation()->places().sessions();
    for (int i = 0; sessions.find("mine") != nullptr; ++i) sessions.audience_of("other " + std::to_string(i));
  });
  auto back = open_v1(id, "&session_id=mine");
  EXPECT_THAT(read(back, 2),
              ElementsAre(HasSubstr("while this session was away is not shown"), "state idle"));
  auto again = open_v1(id, "&session_id=mine");
  EXPECT_THAT(read(again, 1), ElementsAre("state idle"));
}

TEST_F(ResumeTest, a_session_whose_old_socket_hangs_misses_nothing) {
  start();
  const auto id = start_ready_kernel();
  auto hanging = open_v1_idle(id, "&session_id=a");
  print_numbered(id, 1, 2);
  auto back = open_v1_idle(id, "&session_id=a");
  EXPECT_THAT(read(back, 2), ElementsAre(numbered(1), numbered(2)));
}

TEST_F(ResumeTest, a_session_may_have_several_sockets) {
  start();
  const auto id = start_ready_kernel();
  auto older = std::make_unique<TestWebSocket>(open_v1_idle(id, "&session_id=a"));
  auto newer = open_v1_idle(id, "&session_id=a");
  print(id, {"for both"});
  EXPECT_THAT(read(*older, 1), ElementsAre("for both"));
  older.reset();
  wait_for_connections(id, 1);
  print(id, {"once"});
  EXPECT_THAT(read(newer, 2), ElementsAre("for both", "once"));
}

TEST_F(ResumeTest, without_buffering_a_session_begins_anew) {
  settings_.websockets.buffer_offline_messages = false;
  start();
  const auto id = start_ready_kernel();
  open_v1_idle(id, "&session_id=a");
  wait_for_connections(id, 0);
  print(id, {"missed"});
  auto back = open_v1_idle(id, "&session_id=a");
  print(id, {"new"});
  EXPECT_THAT(read(back, 1), ElementsAre("new"));
}

TEST_F(ResumeTest, nothing_of_a_kernel_is_kept_when_it_is_gone) {
  start();
  const auto id = start_ready_kernel();
  for (int i = 0; i < 20; ++i) open_v1_idle(id, "&session_id=" + std::to_string(i));
  wait_for_connections(id, 0);
  std::weak_ptr<Conversation> conversation =
      on_loop([&] { return kernels_->find_kernel(id)->conversation(); });
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 204u);
  wait_until([&] { return conversation.expired(); });
}

// Replay
// ----------------------------------------------------------------------------------------------------------------

TEST_F(ResumeTest, a_new_session_gets_the_past_it_asks_for) {
  start();
  const auto id = start_ready_kernel();
  print_numbered(id, 1, 3);
  auto live = open_v1_idle(id);
  auto all = open_v1_idle(id, "&replay=all");
  auto since = open_v1_idle(id, "&replay=since=3");
  print_numbered(id, 4, 4);
  EXPECT_THAT(read(live, 1), ElementsAre(numbered(4)));
  EXPECT_THAT(read(all, 5), ElementsAre("state idle", numbered(1), numbered(2), numbered(3), numbered(4)));
  EXPECT_THAT(read(since, 3), ElementsAre(numbered(2), numbered(3), numbered(4)));
}

TEST_F(ResumeTest, what_was_gone_before_is_no_loss_of_who_asks_for_the_past) {
  kernel_options_.journal_limits.memory_messages = 3;
  start();
  const auto id = start_ready_kernel();
  print_numbered(id, 1, 9);
  auto since = open_v1_idle(id, "&replay=since=1");
  EXPECT_THAT(read(since, 3), ElementsAre(numbered(7), numbered(8), numbered(9)));
  EXPECT_EQ(request("GET", "/api/nextgen/kernels/" + id + "/messages?since=1").status, 200u);
  const auto journal = request("GET", "/api/nextgen/kernels/" + id + "/journal").json();
  EXPECT_EQ(journal.at("overruns"), 0);
  EXPECT_EQ(journal.at("lost_messages"), 0);
}

TEST_F(ResumeTest, a_new_session_gets_what_belongs_to_running_requests) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  ask(socket, "ended");
  say(id, Channel::iopub, "of_ended", request_header("ended"));
  on_loop([&] {
    const auto conversation = kernels_->find_kernel(id)->conversation();
    conversation->receive(make_kernel_message(Channel::iopub, "status", R"({"execution_state":"idle"})",
                                              request_header("ended"), "kernel")
                              .value());
  });
  say(id, Channel::shell, "execute_reply", request_header("ended"));
  ask(socket, "running");
  say(id, Channel::iopub, "of_running", request_header("running"));
  say(id, Channel::iopub, "of_ended_late", request_header("ended"));
  auto fresh = open_v1_idle(id, "&replay=running");
  say(id, Channel::iopub, "live", request_header("ended"));
  EXPECT_THAT(read(fresh, 2), ElementsAre("of_running", "live"));
}

// Filters, pace, and what overtakes
// --------------------------------------------------------------------------------------

TEST_F(ResumeTest, a_filter_is_for_everything_but_losses) {
  start();
  const auto id = start_ready_kernel();
  auto only_status = open_v1(id, "&msg_types=status");
  auto no_status = open_v1(id, "&exclude_msg_types=iopub:status");
  auto nothing = open_v1(id, "&msg_types=");
  print(id, {"text"});
  on_loop([&] { kernels_->find_kernel(id)->conversation()->publish_status(ExecutionState::busy); });
  EXPECT_THAT(read(only_status, 2), ElementsAre("state idle", "state busy"));
  EXPECT_THAT(read(no_status, 1), ElementsAre("text"));
  nothing.send_frame(WebSocketOpcode::ping, "still there");
  EXPECT_EQ(nothing.receive()->payload, "still there");
}

TEST_F(ResumeTest, limits_of_the_rate_delay_and_drop_nothing) {
  settings_.websockets.pace = {.messages_per_second = 2000, .window = std::chrono::milliseconds(1)};
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  const auto begin = std::chrono::steady_clock::now();
  print_numbered(id, 1, 200);
  for (int i = 1; i <= 200; ++i) ASSERT_EQ(read(socket, 1).front(), numbered(i));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(90));
}

TEST_F(ResumeTest, limits_of_the_rate_are_for_outputs_and_those_of_bytes_for_streams) {
  settings_.websockets.pace = {
      .messages_per_second = 1, .bytes_per_second = 1, .window = std::chrono::seconds(2)};
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  ask(socket, "r1");
  on_loop([&] {
    const auto conversation = kernels_->find_kernel(id)->conversation();
    const auto say_large = [&](const std::string& type) {
      const auto content = nlohmann::json{{"data", std::string(1'000'000, 'x')}}.dump();
      conversation->receive(
          make_kernel_message(Channel::iopub, type, content, request_header("r1"), "kernel").value());
    };
    say_large("display_data");
    say_large("display_data");
    for (int i = 0; i < 3; ++i) conversation->publish_status(ExecutionState::busy);
    conversation->flush();
  });
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  say(id, Channel::stdin_, "input_request", request_header("r1"));
  EXPECT_THAT(read(socket, 7), ElementsAre("display_data", "display_data", "state busy", "state busy",
                                           "state busy", "execute_reply", "input_request"));
  const auto begin = std::chrono::steady_clock::now();
  print(id, {"later"});
  EXPECT_THAT(read(socket, 1), ElementsAre("later"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(ResumeTest, the_state_of_the_kernel_overtakes_what_a_client_is_far_behind_with) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  // More than the socket takes, so that the client is behind whatever it reads meanwhile.
  const std::string large(5'000, 'x');
  print(id, std::vector<std::string>(4000, large));
  on_loop([&] { kernels_->find_kernel(id)->conversation()->publish_status(ExecutionState::busy); });
  int texts = 0;
  std::vector<int> states_after;
  while (states_after.size() < 2) {
    const auto seen = shown(receive_v1(socket));
    if (seen == "state busy")
      states_after.push_back(texts);
    else
      ASSERT_EQ(seen, large);
    texts += seen == large ? 1 : 0;
  }
  EXPECT_LT(states_after[0], 4000) << "told ahead";
  EXPECT_EQ(states_after[1], 4000) << "and in its place";
}

TEST_F(ResumeTest, a_death_never_overtakes_what_the_kernel_said_before) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  const std::string large(5'000, 'x');
  print(id, std::vector<std::string>(4000, large));
  on_loop([&] {
    const auto conversation = kernels_->find_kernel(id)->conversation();
    conversation->publish_status(ExecutionState::restarting);
    conversation->publish_status(ExecutionState::dead);
  });
  for (int i = 0; i < 4000; ++i) ASSERT_EQ(shown(receive_v1(socket)), large) << i;
  EXPECT_THAT(read(socket, 2), ElementsAre("state restarting", "state dead"));
}

TEST_F(ResumeTest, a_client_that_stalls_gets_everything_from_disk) {
  spill_to_disk({.memory_bytes = 2'000'000, .retained_bytes = 500'000});
  start();
  const auto id = start_ready_kernel();
  auto stalled = open_v1_idle(id);
  auto reader = open_v1_idle(id);
  const std::string large(10'000, 'x');
  for (int i = 0; i < 3000; ++i) {
    print(id, {numbered(i), large});
    ASSERT_EQ(shown(receive_v1(reader)), numbered(i));
    ASSERT_EQ(shown(receive_v1(reader)), large);
    // A kernel is not faster than the disk for ever.
    wait_until(
        [&] { return kernels_->find_kernel(id)->conversation()->journal().memory_size() < 1'800'000; });
  }
  EXPECT_GT(request("GET", "/api/nextgen/kernels/" + id + "/journal").json().at("spilled_bytes"), 20'000'000);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(shown(receive_v1(stalled)), numbered(i));
    ASSERT_EQ(shown(receive_v1(stalled)), large);
  }
  const auto page = request("GET", "/api/nextgen/kernels/" + id + "/messages?since=2&limit=1").body;
  EXPECT_THAT(page, HasSubstr(numbered(0)));
}

TEST_F(ResumeTest, a_kernel_that_is_gone_waits_for_its_readers_but_not_for_ever) {
  settings_.websockets.drain_timeout = std::chrono::milliseconds(50);
  start();
  const auto id = start_ready_kernel();
  auto stalled = open_v1_idle(id);
  print(id, std::vector<std::string>(4000, std::string(5'000, 'x')));
  std::weak_ptr<Conversation> conversation =
      on_loop([&] { return kernels_->find_kernel(id)->conversation(); });
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 204u);
  wait_until([&] { return conversation.expired(); });
}

// Messages that break connections
// -----------------------------------------------------------------------------------

class BreakingTest : public ResumeTest {
 protected:
  /// Comes as session "s", takes a part of what follows, and goes without a goodbye.
  void break_a_connection(const std::string& kernel_id) {
    {
      auto socket = open_v1(kernel_id, "&session_id=s");
      EXPECT_EQ(receive_v1(socket).type, "status");
      EXPECT_FALSE(socket.connection().read_some().empty());
    }
    wait_for_connections(kernel_id, 0);
  }

  void say_large(const std::string& kernel_id, Channel channel, const std::string& type) {
    on_loop([&] {
      const auto conversation = kernels_->find_kernel(kernel_id)->conversation();
      const nlohmann::json content = {{"name", "stdout"}, {"text", std::string(3'000'000, 'x')}};
      conversation->receive(
          make_kernel_message(channel, type, content.dump(), request_header("r1"), "kernel").value());
      conversation->flush();
    });
  }

  /// A kernel that session "s" has asked something.
  std::string start_asked_kernel() {
    start();
    const auto id = start_ready_kernel();
    auto socket = open_v1_idle(id, "&session_id=s");
    ask(socket, "r1");
    socket.send_frame(WebSocketOpcode::close, close_payload(websocket_close::normal, ""));
    EXPECT_EQ(socket.receive_close(), websocket_close::normal);
    wait_for_connections(id, 0);
    return id;
  }
};

TEST_F(BreakingTest, a_message_that_broke_two_connections_of_a_session_is_replaced_by_a_notice) {
  const auto id = start_asked_kernel();
  say_large(id, Channel::iopub, "stream");
  print(id, {"later"});
  for (int i = 0; i < BreakingMessages::most_breaks; ++i) break_a_connection(id);
  auto socket = open_v1_idle(id, "&session_id=s");
  const auto notice = receive_v1(socket);
  EXPECT_EQ(notice.content.at("name"), "stderr");
  EXPECT_EQ(notice.parent.at("msg_id"), "r1");
  const auto text = notice.content.at("text").get<std::string>();
  EXPECT_THAT(text, HasSubstr("A stream message of 2.9 MiB"));
  EXPECT_THAT(text, HasSubstr("request r1"));
  EXPECT_EQ(receive_v1(socket).content.at("text"), "later");

  const auto path = text.substr(text.find("/api/"), text.find('\n') - text.find("/api/"));
  const auto messages = request("GET", path);
  EXPECT_EQ(messages.status, 200);
  EXPECT_GT(messages.body.size(), 3'000'000U);
}

TEST_F(BreakingTest, a_reply_that_broke_two_connections_is_replaced_by_an_error) {
  const auto id = start_asked_kernel();
  say_large(id, Channel::shell, "execute_reply");
  for (int i = 0; i < BreakingMessages::most_breaks; ++i) break_a_connection(id);
  auto socket = open_v1_idle(id, "&session_id=s");
  EXPECT_EQ(receive_v1(socket).content.at("name"), "stderr");
  const auto reply = receive_v1(socket);
  EXPECT_EQ(reply.type, "execute_reply");
  EXPECT_EQ(reply.content.at("status"), "error");
  EXPECT_EQ(reply.parent.at("msg_id"), "r1");
  print(id, {"end"});
  EXPECT_EQ(receive_v1(socket).content.at("text"), "end");
}

TEST_F(BreakingTest, other_sessions_get_what_broke_the_connections_of_one) {
  const auto id = start_asked_kernel();
  say_large(id, Channel::iopub, "stream");
  for (int i = 0; i < BreakingMessages::most_breaks; ++i) break_a_connection(id);
  auto other = open_v1_idle(id, "&session_id=other&replay=all");
  auto seen = receive_v1(other);
  while (seen.type == "status") seen = receive_v1(other);
  EXPECT_EQ(seen.content.at("text").get<std::string>().size(), 3'000'000U);
}

TEST_F(BreakingTest, a_goodbye_breaks_nothing) {
  const auto id = start_asked_kernel();
  say_large(id, Channel::iopub, "stream");
  for (int i = 0; i < 3; ++i) {
    {
      auto socket = open_v1_idle(id, "&session_id=s");
      socket.send_frame(WebSocketOpcode::close, close_payload(websocket_close::going_away, ""));
      socket.receive_close();
    }
    wait_for_connections(id, 0);
  }
  auto socket = open_v1_idle(id, "&session_id=s");
  EXPECT_EQ(receive_v1(socket).content.at("text").get<std::string>().size(), 3'000'000U);
}

}  // namespace
}  // namespace nextgen_kernels
