#include <algorithm>

#include <boost/asio/post.hpp>
#include <signal.h>
#include <stdlib.h>

#include "plugin_fixture.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto minute = std::chrono::minutes(1);

class PluginKernelClientTest : public PluginFixture {
 protected:
  PluginKernelClientTest() : listener_(conversation_, "alice") {}
  ~PluginKernelClientTest() override { ::unsetenv("ECHO_CLIENT_THROWS"); }

  /// A connected client of a place of its own.
  std::unique_ptr<KernelClient> echo() {
    auto client = make_client("test_plugin:EchoClient", conversation_).value();
    EXPECT_TRUE(run(client->connect({{"place", "own"}}, minute)));
    return client;
  }
  static OutgoingMessage request(const json& content) {
    return make_request(Channel::shell, "execute_request", content.dump(), "alice").value();
  }

  Conversation conversation_{{}};
  TestListener listener_;
};

TEST_F(PluginKernelClientTest, a_class_that_extends_the_shared_client_sees_messages_and_may_withhold_them) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  EXPECT_EQ(kernel.client_selection().client_class, "test_plugin:DerivedClient");
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print hello");
  execute_and_wait(kernel, listener, "print secret word");
  execute_and_wait(kernel, listener, "print throw in the hook");
  // A hook that throws withholds nothing. What is published may come after the reply.
  run_until([&] { return listener.has("stream throw in the hook\n"); });
  EXPECT_TRUE(listener.has("stream hello\n")) << testing::PrintToString(listener.log());
  EXPECT_FALSE(listener.has("stream secret word\n"));
}

TEST_F(PluginKernelClientTest, a_class_of_another_kind_makes_no_client) {
  for (const auto& [reference, kind] : {std::pair("test_plugin:OwnProvisioner", PluginClassKind::provisioner),
                                        std::pair("test_plugin:LineListener", PluginClassKind::listener)}) {
    const auto made = PluginKernelClient::Object::make(
        *class_of(reference, kind),
        std::make_unique<PluginContext>(loop_.get_executor(), makers_, &conversation_), json::object());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message,
              std::string(reference) + " is a class of another kind than its use: it cannot be made");
  }
}

TEST_F(PluginKernelClientTest, a_class_that_extends_the_shared_client_may_replace_messages_both_ways) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print replace this");
  execute_and_wait(kernel, listener, "print original");
  execute_and_wait(kernel, listener, "print replace with nonsense");
  run_until([&] { return listener.has("stream replace with nonsense\n"); });
  EXPECT_TRUE(listener.has("stream replaced\n")) << testing::PrintToString(listener.log());
  EXPECT_FALSE(listener.has("stream replace this\n"));
  EXPECT_TRUE(listener.has("stream substitute\n")) << "what was sent is what ran";
}

TEST_F(PluginKernelClientTest, a_replacement_takes_the_place_of_the_message) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print replace with an aside");
  run_until([&] { return listener.has("stream aside\n"); });
  const auto log = listener.log();
  EXPECT_LT(std::ranges::find(log, "stream replaced\n"), std::ranges::find(log, "stream aside\n"))
      << "no message of another thread holds it up: " << testing::PrintToString(log);
}

TEST_F(PluginKernelClientTest, what_a_client_class_refuses_is_answered_as_the_kernel_would_have) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto answers_to = [&](const std::string& code) {
    listener.messages.clear();
    const auto id = execute(kernel, listener, code);
    run_until([&] { return !listener.messages.empty() && listener.log().back() == "status idle"; });
    EXPECT_EQ(kernel.conversation()->requests().size(), 0u) << "nothing waits for " << id;
    std::string answers;
    for (const auto& message : listener.messages) {
      EXPECT_EQ(message->parent_fields().msg_id, id);
      const auto content = json::parse(message->content());
      answers += std::string(message->header_fields().msg_type) + " ";
      for (const auto* name : {"execution_state", "ename", "evalue"})
        if (content.contains(name)) answers += content.at(name).get<std::string>() + " ";
    }
    return answers;
  };
  EXPECT_EQ(
      answers_to("print forbidden"),
      "status busy error QuotaError no quota is left execute_reply QuotaError no quota is left status idle ");
  EXPECT_EQ(answers_to("print later"),
            "status busy error LateError after all execute_reply LateError after all status idle ");
  EXPECT_THAT(answers_to("print withheld"),
              HasSubstr("execute_reply PermissionError The kernel's client does not"));
  EXPECT_EQ(answers_to("print twice"),
            "status busy error QuotaError once execute_reply QuotaError once status idle ");
  listener.messages.clear();
  execute_and_wait(kernel, listener, "print hello");
}

TEST_F(PluginKernelClientTest, restart_and_shutdown_go_through_the_derived_client) {
  use_classes("test_plugin:DerivedProvisioner", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  execute_and_wait(kernel, listener, "print again");
  run_until([&] { return listener.has("stream again\n"); });
  run_task(loop_, kernel.shutdown_kernel({minute}));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::dead);
}

TEST_F(PluginKernelClientTest, a_kernel_that_dies_while_the_derived_client_connects_is_dead_with_its_reason) {
  use_classes("test_plugin:DerivedProvisioner", "test_plugin:DerivedClient");
  auto& kernel = make_kernel(shell_spec("exit 3"));
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto ready = run(kernel.wait_until_ready());
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("exited with status 3"));
}

TEST_F(PluginKernelClientTest, what_a_hook_refuses_is_not_sent) {
  const auto client = make_client("test_plugin:DerivedClient", conversation_).value();
  const auto history = make_request(Channel::shell, "history_request", "{}", "alice").value();
  const auto sent = client->send(history);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::permission_denied);
  EXPECT_EQ(sent.error().message, "History is private");
  EXPECT_THAT(client->send(request({})).error().message, HasSubstr("Not connected"));
}

TEST_F(PluginKernelClientTest, what_a_hook_refuses_is_answered_in_the_words_of_the_exception) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto history = make_request(Channel::shell, "history_request", "{}", "alice").value();
  ASSERT_TRUE(kernel.handle_incoming_message(history, listener.audience));
  run_until([&] { return listener.messages.size() == 3; });
  EXPECT_THAT(listener.log(), ElementsAre("status busy", "history_reply", "status idle"));
  const auto content = json::parse(listener.messages[1]->content());
  EXPECT_EQ(content.at("status"), "error");
  EXPECT_EQ(content.at("ename"), "PermissionError");
  EXPECT_EQ(content.at("evalue"), "History is private");
  execute_and_wait(kernel, listener, "print hello");
}

TEST_F(PluginKernelClientTest, what_a_stopped_kernel_is_sent_is_bounded_also_behind_a_derived_client) {
  use_classes("", "test_plugin:DerivedClient");
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_EQ(::kill(pid(), SIGSTOP), 0);
  const auto request = make_request(Channel::shell, "comm_msg",
                                    json{{"data", std::string(std::size_t{16} << 20, 'x')}}.dump(), "s")
                           .value();
  Result<void> taken;
  for (int count = 0; taken && count < 50; ++count)
    taken = kernel.handle_incoming_message(request, listener.audience);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::resource_limit);
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
}

TEST_F(PluginKernelClientTest, a_client_of_its_own_delivers_messages_that_it_makes) {
  const auto client = echo();
  EXPECT_EQ(client->kernel_info().at("protocol_version"), "5.3");
  ASSERT_TRUE(client->send(request({{"code", "1"}})));
  ASSERT_TRUE(client->send(request({{"code", "2"}})));
  run_until([&] { return listener_.messages.size() == 2; });
  const auto& first = *listener_.messages.front();
  EXPECT_EQ(first.header_fields().msg_type, "echo");
  EXPECT_EQ(first.parent_fields().msg_type, "execute_request");
  EXPECT_EQ(first.content(), R"({"code":"1"})");
  EXPECT_EQ(first.buffer(0), "buffer");
  EXPECT_EQ(listener_.messages.back()->content(), R"({"code":"2"})");
}

TEST_F(PluginKernelClientTest, control_requests_are_answered_at_once_or_later) {
  const auto client = echo();
  EXPECT_EQ(run(client->control_request("interrupt_request", json::object(), minute)).value().at("type"),
            "interrupt_request");
  EXPECT_EQ(run(client->control_request("post", {{"a", 1}}, minute)).value(), (json{{"a", 1}}));
}

TEST_F(PluginKernelClientTest, a_connect_that_is_refused_or_broken_off_is_an_error) {
  const auto client = make_client("test_plugin:EchoClient", conversation_).value();
  const auto refused = run(client->connect({{"place", "elsewhere"}}, minute));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::protocol);
  EXPECT_EQ(refused.error().message, "another place");
  const auto lacking = run(client->connect({{"key", "a secret"}}, minute));
  EXPECT_THAT(lacking.error().message, HasSubstr("\"place\" is missing; there are: key"));

  asio::post(loop_, [&] { asio::post(loop_, [&] { asio::post(loop_, [&] { client->disconnect(); }); }); });
  const auto broken_off = run(client->connect({{"never", true}}, minute));
  ASSERT_FALSE(broken_off);
  EXPECT_EQ(broken_off.error().message, "The plugin gave no answer");
}

TEST_F(PluginKernelClientTest, a_constructor_that_throws_ends_the_kernel_that_it_was_for) {
  ::setenv("ECHO_CLIENT_THROWS", "1", 1);
  use_classes("", "test_plugin:EchoClient");
  auto& kernel = make_kernel(synthetic_spec());
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "Creating test_plugin:EchoClient failed: the constructor threw");
}

}  // namespace
}  // namespace nextgen_kernels
