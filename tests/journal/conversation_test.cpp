#include "journal/conversation.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "messages.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Listener : public JournalListener {
 public:
  Listener(Conversation& conversation, std::string_view session)
      : audience(conversation.audience_of(session)),
        cursor(conversation.journal(), *this, {.audience = audience}) {}
  void on_journal_activity() override {}

  std::vector<std::string> read_types() {
    std::vector<std::string> types;
    for (const auto& entry : cursor.read(100, 1'000'000).entries)
      types.emplace_back(entry.message->header_fields().msg_type);
    return types;
  }

  /// The type of each message, with its channel unless that is iopub, and with the state or the error.
  std::vector<std::string> read_answers() {
    std::vector<std::string> answers;
    for (const auto& entry : cursor.read(100, 1'000'000).entries) {
      const auto& message = *entry.message;
      const auto content = nlohmann::json::parse(message.content());
      std::string text(message.header_fields().msg_type);
      if (message.channel() != Channel::iopub)
        text = fmt::format("{} {}", to_string(message.channel()), text);
      for (const auto* name : {"execution_state", "status", "ename", "text"})
        if (content.contains(name)) text += " " + content.at(name).get<std::string>();
      answers.push_back(std::move(text));
    }
    return answers;
  }

  Audience audience;
  Cursor cursor;
};

class ConversationTest : public testing::Test {
 protected:
  ConversationTest() {
    conversation_.begin_process();
    conversation_.process_ready();
  }

  /// A listener sends a request; its msg_id is returned.
  std::string ask(const Listener& listener, std::string_view type, Channel channel = Channel::shell) {
    const auto request = make_request(channel, type, "{}", "session-of-the-header").value();
    conversation_.record_request(request, listener.audience);
    return std::string(request.header.msg_id);
  }

  void kernel_says(const MessageText& text) { conversation_.receive(make_message(text)); }

  void status(const std::string& state, const std::string& parent, const std::string& parent_type) {
    kernel_says({.type = "status",
                 .parent_id = parent,
                 .parent_type = parent_type,
                 .content = R"({"execution_state": ")" + state + "\"}"});
  }

  Conversation conversation_{Journal::Limits{}};
  Listener alice_{conversation_, "alice"};
  Listener bob_{conversation_, "bob"};
};

TEST_F(ConversationTest, outputs_go_to_everybody_and_replies_to_who_asked) {
  const auto id = ask(alice_, "execute_request");
  kernel_says({.channel = Channel::iopub, .type = "stream", .parent_id = id});
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = id});
  EXPECT_THAT(alice_.read_types(), ElementsAre("stream", "execute_reply"));
  EXPECT_THAT(bob_.read_types(), ElementsAre("stream"));
}

TEST_F(ConversationTest, a_request_for_input_goes_to_who_asked) {
  const auto id = ask(bob_, "execute_request");
  kernel_says({.channel = Channel::stdin_, .type = "input_request", .parent_id = id});
  EXPECT_THAT(alice_.read_types(), IsEmpty());
  EXPECT_THAT(bob_.read_types(), ElementsAre("input_request"));
}

TEST_F(ConversationTest, two_listeners_of_one_session_both_get_its_replies) {
  Listener second(conversation_, "alice");
  const auto id = ask(alice_, "execute_request");
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = id});
  EXPECT_THAT(second.read_types(), ElementsAre("execute_reply"));
}

TEST_F(ConversationTest, replies_to_forgotten_requests_go_by_the_session_of_their_parent) {
  kernel_says(
      {.channel = Channel::shell, .type = "execute_reply", .parent_id = "?", .parent_session = "bob"});
  EXPECT_THAT(alice_.read_types(), IsEmpty());
  EXPECT_THAT(bob_.read_types(), ElementsAre("execute_reply"));
}

TEST_F(ConversationTest, a_session_that_another_user_opens_too_is_another_one) {
  Listener first(conversation_, "shared ada");
  Listener second(conversation_, "shared bob");
  const auto id = ask(second, "execute_request");
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = id});
  EXPECT_THAT(first.read_types(), IsEmpty());
  EXPECT_THAT(second.read_types(), ElementsAre("execute_reply"));
  // The table has forgotten who asked; that `second` did is known from the session of its requests.
  kernel_says({.channel = Channel::shell,
               .type = "execute_reply",
               .parent_id = "?",
               .parent_session = "session-of-the-header"});
  EXPECT_THAT(first.read_types(), IsEmpty());
  EXPECT_THAT(second.read_types(), ElementsAre("execute_reply"));
  EXPECT_EQ(conversation_.places().sessions().find(second.audience)->id, "shared bob");
}

TEST_F(ConversationTest, the_request_table_empties_itself) {
  const auto id = ask(alice_, "execute_request");
  EXPECT_EQ(conversation_.requests().size(), 1u);
  status("busy", id, "execute_request");
  status("idle", id, "execute_request");
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = id});
  EXPECT_EQ(conversation_.requests().size(), 0u);
}

TEST_F(ConversationTest, busy_until_the_last_request_under_way_is_idle) {
  status("busy", "a", "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  status("busy", "b", "comm_msg");
  status("idle", "a", "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  status("idle", "b", "comm_msg");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
}

TEST_F(ConversationTest, what_a_kernel_never_finishes_is_not_remembered_for_ever) {
  constexpr int kept = 1000;
  for (int i = 0; i <= kept; ++i) status("busy", std::to_string(i), "execute_request");
  status("busy", std::string(100'000, 'x') + "1", "execute_request");
  status("idle", std::string(100'000, 'x') + "1", "execute_request");
  for (int i = kept; i > 1; --i) status("idle", std::to_string(i), "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle) << "the first two are forgotten";
}

TEST_F(ConversationTest, control_traffic_does_not_end_busy) {
  status("busy", "a", "execute_request");
  const auto on_control = ask(alice_, "usage_request", Channel::control);
  for (const auto& [id, type] :
       {std::pair<std::string, std::string>{"d", "debug_request"}, {on_control, "usage_request"}}) {
    status("busy", id, type);
    status("idle", id, type);
  }
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
}

TEST_F(ConversationTest, kernel_info_of_a_client_that_connects_is_not_activity) {
  const auto before = conversation_.last_activity();
  status("busy", "k", "kernel_info_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
  EXPECT_EQ(conversation_.last_activity(), before);
}

TEST_F(ConversationTest, what_clients_ask_on_connecting_and_on_control_is_not_activity) {
  const auto before = conversation_.last_activity();
  for (const auto* type : {"kernel_info_request", "comm_info_request"}) ask(alice_, type);
  for (const auto* type : {"debug_request", "usage_request", "something_new_request"}) {
    const auto id = ask(alice_, type, Channel::control);
    status("busy", id, type);
    status("idle", id, type);
    kernel_says({.channel = Channel::control, .type = "a_reply", .parent_id = id, .parent_type = type});
  }
  EXPECT_EQ(conversation_.last_activity(), before);
  ask(alice_, "execute_request");
  EXPECT_GT(conversation_.last_activity(), before);
}

TEST_F(ConversationTest, idle_time_that_is_forgiven_never_exceeds_what_there_is) {
  EXPECT_GE(conversation_.idle_time(), std::chrono::seconds(0));
  conversation_.forgive_idle_time(std::chrono::hours(1));
  const auto idle = conversation_.idle_time();
  EXPECT_GE(idle, std::chrono::seconds(0));
  conversation_.forgive_idle_time(std::chrono::seconds(0));
  EXPECT_GE(conversation_.idle_time(), idle) << "nothing was forgiven, and it goes on";
}

TEST_F(ConversationTest, subshells_interleave_and_the_kernel_is_busy_while_one_of_them_is) {
  const auto in_parent = ask(alice_, "execute_request");
  const auto in_subshell = ask(bob_, "execute_request");
  status("busy", in_parent, "execute_request");
  status("busy", in_subshell, "execute_request");
  kernel_says({.channel = Channel::iopub, .type = "stream", .parent_id = in_subshell});
  status("idle", in_subshell, "execute_request");
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = in_subshell});
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = in_parent});
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy) << "replied, and not idle yet";
  status("idle", in_parent, "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
  EXPECT_THAT(bob_.read_types(),
              ElementsAre("status", "status", "stream", "status", "execute_reply", "status"));
}

TEST_F(ConversationTest, busy_until_the_shells_that_run_something_older_have_answered) {
  conversation_.begin_process();
  conversation_.expect_answer();
  conversation_.expect_answer();
  conversation_.process_ready();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  status("busy", "a", "execute_request");
  status("idle", "a", "execute_request");
  status("idle", "of the server before", "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  conversation_.note_answer();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  status("busy", "b", "execute_request");
  conversation_.note_answer();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  status("idle", "b", "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
}

TEST_F(ConversationTest, what_a_shell_of_the_old_process_owed_is_forgotten) {
  conversation_.expect_answer();
  conversation_.process_ready();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::busy);
  conversation_.begin_process();
  conversation_.process_ready();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
  conversation_.note_answer();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
}

TEST_F(ConversationTest, a_new_process_owes_nothing_of_the_old_one) {
  ask(alice_, "execute_request");
  status("busy", "a", "execute_request");
  conversation_.begin_process();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::starting);
  EXPECT_EQ(conversation_.requests().size(), 0u);
  conversation_.process_ready();
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
}

TEST_F(ConversationTest, what_is_refused_is_answered_for_its_sender_as_a_kernel_would) {
  const RequestFailure failure{.ename = "QuotaError", .evalue = "no \"quota\" left"};
  const auto refuse = [&](Channel channel, std::string_view type, std::string_view content) {
    conversation_.refuse(make_request(channel, type, content, "s").value(), alice_.audience, failure);
    return alice_.read_answers();
  };
  EXPECT_THAT(
      refuse(Channel::shell, "execute_request", R"({"code": "1"})"),
      ElementsAre("status busy", "error QuotaError", "shell execute_reply error QuotaError", "status idle"));
  EXPECT_THAT(refuse(Channel::shell, "execute_request", R"({"code": "1", "silent": true})"),
              ElementsAre("status busy", "shell execute_reply error QuotaError", "status idle"));
  EXPECT_THAT(refuse(Channel::control, "debug_request", "{}"),
              ElementsAre("status busy", "control debug_reply error QuotaError", "status idle"));
  EXPECT_THAT(refuse(Channel::shell, "comm_msg", "{}"),
              ElementsAre("status busy", "stream no \"quota\" left\n", "status idle"))
      << "it has no reply";
  EXPECT_THAT(refuse(Channel::stdin_, "input_reply", "{}"), ElementsAre("stream no \"quota\" left\n"));
  EXPECT_THAT(bob_.read_types(), IsEmpty());
  EXPECT_EQ(conversation_.requests().size(), 0u);
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::idle);
}

TEST_F(ConversationTest, a_recorded_request_is_refused_once) {
  const auto id = ask(alice_, "execute_request");
  EXPECT_TRUE(conversation_.refuse_request(id, {.ename = "QuotaError", .evalue = "none left"}));
  EXPECT_THAT(alice_.read_answers(), ElementsAre("status busy", "error QuotaError",
                                                 "shell execute_reply error QuotaError", "status idle"));
  EXPECT_THAT(bob_.read_types(), IsEmpty());
  EXPECT_EQ(conversation_.requests().size(), 0u);
  EXPECT_FALSE(conversation_.refuse_request(id, {.ename = "QuotaError", .evalue = "again"}));
  EXPECT_THAT(alice_.read_types(), IsEmpty());
}

TEST_F(ConversationTest, an_answer_names_the_request_and_its_cell_also_when_another_has_its_id) {
  const auto taken = ask(bob_, "execute_request");
  auto request = make_request(Channel::shell, "execute_request", "{}", "s").value();
  request.header.msg_id = taken;
  request.cell_id = "cell";
  conversation_.refuse(request, alice_.audience, {.ename = "E", .evalue = "v"});
  const auto entries = alice_.cursor.read(100, 1'000'000).entries;
  ASSERT_EQ(entries.size(), 4u);
  for (const auto& entry : entries) {
    ASSERT_NE(entry.origin, nullptr);
    EXPECT_EQ(*entry.origin, (RequestOrigin{.cell_id = "cell", .requester = "alice"}));
  }
  EXPECT_THAT(bob_.read_types(), IsEmpty()) << "an idle of this id would end what bob waits for";
  EXPECT_NE(conversation_.requests().find(taken), nullptr);
}

TEST_F(ConversationTest, a_process_that_has_ended_is_answered_for_as_far_as_it_has_not_answered) {
  const auto running = ask(alice_, "execute_request");
  status("busy", running, "execute_request");
  const auto replied = ask(alice_, "execute_request");
  status("busy", replied, "execute_request");
  kernel_says({.channel = Channel::shell, .type = "execute_reply", .parent_id = replied});
  const auto waiting = ask(alice_, "complete_request");
  alice_.read_types();
  bob_.read_types();

  // The reply to the second shows that there will be none to the first.
  const auto abandoned = conversation_.abandon_requests();
  ASSERT_EQ(abandoned.size(), 3u);
  EXPECT_EQ(conversation_.requests().size(), 0u);
  EXPECT_TRUE(conversation_.requests().recall(waiting)->abandoned);
  const RequestFailure aborted{
      .status = RequestFailure::Status::aborted, .ename = "KernelRestarted", .evalue = "it was restarted"};
  for (const auto& request : abandoned) conversation_.answer_abandoned(request, aborted);
  EXPECT_THAT(alice_.read_answers(),
              ElementsAre("status idle", "status idle", "status busy",
                          "shell complete_reply aborted KernelRestarted", "status idle"));
  EXPECT_THAT(bob_.read_types(), ElementsAre("status", "status")) << "the ends of what he has seen begin";
}

TEST_F(ConversationTest, the_parent_of_an_answer_is_the_header_of_the_request_however_long_that_is) {
  auto text = nlohmann::json{{"msg_id", "long"},
                             {"msg_type", "complete_request"},
                             {"session", "s"},
                             {"username", std::string(100'000, 'x')}}
                  .dump();
  auto request = make_request(Channel::shell, "complete_request", "{}", "s").value();
  request.parts[0] = text;
  request.header = scan_header(text).value();
  conversation_.record_request(request, alice_.audience);
  const auto abandoned = conversation_.abandon_requests();
  ASSERT_EQ(abandoned.size(), 1u);
  EXPECT_EQ(nlohmann::json::parse(abandoned[0].header),
            (nlohmann::json{{"msg_id", "long"}, {"msg_type", "complete_request"}, {"session", "s"}}));
}

TEST_F(ConversationTest, published_status_and_notice_reach_everybody) {
  conversation_.publish_notice("a \"quoted\"\nbroken \xff text");
  conversation_.publish_status(ExecutionState::dead);
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::dead);
  const auto entries = alice_.cursor.read(10, 100'000).entries;
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_THAT(std::string(entries[0].message->content()), HasSubstr("\"quoted\\\"\\u000abroken \uFFFD text"));
  EXPECT_EQ(entries[1].message->content(), R"({"execution_state":"dead"})");
}

TEST_F(ConversationTest, the_dead_stay_dead_whatever_still_arrives) {
  conversation_.publish_status(ExecutionState::dead);
  status("idle", "a", "execute_request");
  EXPECT_EQ(conversation_.execution_state(), ExecutionState::dead);
}

}  // namespace
}  // namespace nextgen_kernels
