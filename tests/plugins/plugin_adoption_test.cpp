#include <optional>

#include <signal.h>

#include "../kernels/kernel_recorder.h"
#include "../registry/log_capture.h"
#include "kernels/multi_kernel_manager.h"
#include "plugin_fixture.h"
#include "registry/kernel_provisioner_factory.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto minute = std::chrono::minutes(1);
constexpr auto derived_provisioner = "test_plugin:DerivedProvisioner";
constexpr auto own_provisioner = "test_plugin:OwnProvisioner";

/// Kernels of plugins that are adopted as if the server that started them were gone.
class PluginAdoptionTest : public PluginFixture {
 protected:
  PluginAdoptionTest() {
    options_.recorder = &recorder_;
    options_.restarts.autorestart = false;
    provisioner_options_.lifetime = ChildLifetime::own;
  }
  ~PluginAdoptionTest() override {
    // Who is told to end by a signal; nothing else is worth a wait.
    for (auto& kernel : {adopter_, kernel_})
      if (kernel != nullptr) run(kernel->shutdown_kernel({std::chrono::milliseconds(2)}));
    adopter_.reset();
    loop_.poll();
  }

  AbandonedKernel abandoned() {
    return {.record = KernelRecord::parse(recorder_.records.at(kernel_->kernel_id()).to_json()).value(),
            .seen = Timestamp(std::chrono::seconds(1'700'000'000))};
  }

  /// A manager in the place of another server's. The first one is not gone: the files of its kernel are not
  /// to be those of what the adopter starts.
  KernelManager& adopter() {
    provisioner_options_.runtime_dir = directory_ / "adopter";
    std::filesystem::create_directory(provisioner_options_.runtime_dir);
    adopter_ = std::make_shared<KernelManager>(loop_.get_executor(),
                                               KernelLaunch{.kernel_id = kernel_->kernel_id(),
                                                            .spec = kernel_->kernel_spec(),
                                                            .environment = process_environment(),
                                                            .working_directory = directory_},
                                               factories_, options_);
    return *adopter_;
  }

  static AdoptionRequest own_request(const json& record = {{"job", "7"}}) {
    return {.kernel_id = "id-of-kernel", .record = record, .connection_info = {{"place", "own"}}};
  }

  MemoryRecorder recorder_;
  std::shared_ptr<KernelManager> adopter_;
};

TEST_F(PluginAdoptionTest, a_kernel_of_classes_that_extend_built_in_ones_is_handed_over) {
  use_classes(derived_provisioner, "test_plugin:DerivedClient");
  start_kernel(synthetic_spec());
  const auto before = pid();
  const auto found = abandoned();
  EXPECT_EQ(found.record.provisioner_class, derived_provisioner);
  EXPECT_EQ(found.record.provisioner.at("pid"), before);
  EXPECT_EQ(found.record.provisioner.at("outlives_server"), true);
  EXPECT_TRUE(found.record.client.contains("identities")) << "with what the new client needs";

  auto& kernel = adopter();
  const auto adopted = run(kernel.adopt_kernel(found));
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  EXPECT_EQ(kernel.provisioner_info().at("pid"), before);
  EXPECT_EQ(kernel.provisioner_info().at("kernel_name"), "name-of-spec") << "of the derived class";
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print secret word");
  execute_and_wait(kernel, listener, "print hello");
  run_until([&] { return listener.has("stream hello\n"); });
  EXPECT_FALSE(listener.has("stream secret word\n")) << "the derived client withholds it";
  const auto again = abandoned().record;
  EXPECT_EQ(again.provisioner.at("pid"), before) << "it can be handed over once more";
  EXPECT_EQ(again.client.at("identities").size(), 2U);

  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_NE(kernel.provisioner_info().at("pid"), before);
  execute_and_wait(kernel, listener, "print again");
}

TEST_F(PluginAdoptionTest, the_end_of_an_adopted_kernel_is_told_by_the_derived_class) {
  use_classes(derived_provisioner, "");
  start_kernel(synthetic_spec());
  auto& kernel = adopter();
  ASSERT_TRUE(run(kernel.adopt_kernel(abandoned())));
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
  EXPECT_THAT(kernel.reason(), HasSubstr("Derived: "));
}

TEST_F(PluginAdoptionTest, a_kernel_that_a_base_refuses_is_still_known_and_can_be_ended) {
  use_classes(derived_provisioner, "");
  start_kernel(synthetic_spec());
  auto found = abandoned();
  found.record.connection_info["key"] = "wrong";
  auto& kernel = adopter();
  const auto adopted = run(kernel.adopt_kernel(found));
  ASSERT_FALSE(adopted);
  EXPECT_THAT(adopted.error().message, AllOf(HasSubstr("another key"), Not(HasSubstr("wrong"))));
  ASSERT_TRUE(kernel.has_process());
  run(kernel.shutdown_kernel({minute}));
  EXPECT_FALSE(kernel_->has_process() && process_exists(pid()));
}

TEST_F(PluginAdoptionTest, a_process_that_only_has_the_id_is_left_alone) {
  use_classes(derived_provisioner, "");
  start_kernel(synthetic_spec());
  auto found = abandoned();
  auto& start_time = found.record.provisioner["start_time"];
  start_time = start_time.get<std::uint64_t>() + 1;
  auto& kernel = adopter();
  const auto adopted = run(kernel.adopt_kernel(found));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, ErrorCode::not_found);
  EXPECT_FALSE(kernel.has_process());
  run(kernel.shutdown_kernel({minute}));
  EXPECT_TRUE(process_exists(pid()));
}

TEST_F(PluginAdoptionTest, a_provisioner_and_a_client_of_a_place_of_their_own_hand_a_kernel_over) {
  use_classes(own_provisioner, "test_plugin:EchoClient", {{"behaviour", ""}});
  start_kernel(shell_spec("true"));
  const auto found = abandoned();
  EXPECT_EQ(found.record.provisioner, (json{{"job", "id-of-kernel"}, {"ticket", "a secret"}}));
  EXPECT_EQ(found.record.client, "of the client before");

  auto& kernel = adopter();
  const auto adopted = run(kernel.adopt_kernel(found));
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  EXPECT_TRUE(kernel.has_process());
  EXPECT_EQ(abandoned().record.connection_info.at("record"), found.record.provisioner)
      << "what adopt_kernel answered is the connection info from now on";
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "anything");
  run_until([&] { return listener.has("echo"); });
  run(kernel.shutdown_kernel({std::chrono::milliseconds(2)}));
  EXPECT_FALSE(kernel.has_process());
}

TEST_F(PluginAdoptionTest, what_a_client_answers_to_reconnect_is_how_the_kernel_is) {
  Conversation conversation{{}};
  const auto reconnect = [&](const json& info, const json& record) {
    const auto client = make_client("test_plugin:EchoClient", conversation).value();
    auto answer = run(client->reconnect(info, record, minute));
    if (answer && *answer == KernelClient::Answer::complete)
      EXPECT_EQ(client->kernel_info().value("record", json()), record);
    return answer;
  };
  EXPECT_EQ(reconnect({{"place", "own"}}, {{"a", 1}}).value(), KernelClient::Answer::complete);
  EXPECT_EQ(reconnect({{"place", "own"}}, nullptr).value(), KernelClient::Answer::complete);
  EXPECT_EQ(reconnect({{"busy", true}}, nullptr).value(), KernelClient::Answer::alive);
  EXPECT_EQ(reconnect({{"place", "elsewhere"}}, nullptr).error().message, "another place");
  const auto nonsense = reconnect({{"nonsense", 1}}, nullptr);
  EXPECT_EQ(nonsense.error().code, ErrorCode::protocol);
  EXPECT_THAT(nonsense.error().message, AllOf(HasSubstr("test_plugin:EchoClient"), HasSubstr("array")));
  const auto client = make_client("test_plugin:EchoClient", conversation).value();
  EXPECT_EQ(run(client->connect({{"nonsense", 1}}, minute)).error().message, nonsense.error().message);
}

TEST_F(PluginAdoptionTest, an_adoption_that_fails_leaves_a_kernel_that_can_be_ended) {
  const auto adopt = [&](const std::string& behaviour) {
    const auto provisioner = make_provisioner(own_provisioner, {{"behaviour", behaviour}}).value();
    const auto adopted = run(provisioner->adopt_kernel(own_request()));
    if (adopted) return std::string("no failure");
    EXPECT_TRUE(provisioner->has_process());
    EXPECT_TRUE(run(provisioner->kill(ShutdownPurpose::end)));
    EXPECT_EQ(run(provisioner->wait()).signal, SIGKILL);
    return adopted.error().message;
  };
  EXPECT_EQ(adopt("throw at the adoption"), "the queue is down");
  EXPECT_EQ(adopt("drop the adoption"), "The plugin gave no answer");
  EXPECT_THAT(adopt("answer nonsense"), AllOf(HasSubstr("adopt_kernel of test_plugin:OwnProvisioner"),
                                              HasSubstr("not a JSON object but string")));
}

TEST_F(PluginAdoptionTest, a_kernel_that_has_ended_is_not_ended_again) {
  const auto provisioner = make_provisioner(own_provisioner, {{"behaviour", "has ended"}}).value();
  const auto adopted = run(provisioner->adopt_kernel(own_request()));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, ErrorCode::not_found);
  EXPECT_FALSE(provisioner->has_process());
}

TEST_F(PluginAdoptionTest, a_kernel_whose_record_fails_runs_and_is_not_handed_over) {
  use_classes(own_provisioner, "test_plugin:EchoClient", {{"behaviour", "throw at the record"}});
  const LogCapture log;
  start_kernel(shell_spec("true"));
  EXPECT_TRUE(abandoned().record.provisioner.is_null());
  EXPECT_THAT(log.text(), HasSubstr("adoption_record of test_plugin:OwnProvisioner failed: no record today"));
}

/// A class by the bare ABI, which answers what none of the SDK does.
class BareProvisionerTest : public PluginAdoptionTest {
 protected:
  BareProvisionerTest() { self = this; }
  ~BareProvisionerTest() override { self = nullptr; }

  std::unique_ptr<KernelProvisioner> make(std::chrono::milliseconds patience = minute) {
    auto object = PluginProvisioner::Object::make(
        class_, std::make_unique<PluginContext>(loop_.get_executor(), makers_, nullptr), json::object());
    return std::make_unique<PluginProvisioner>("bare:Provisioner", std::move(object).value(), patience);
  }
  std::unique_ptr<KernelProvisioner> launched() {
    auto provisioner = make();
    EXPECT_TRUE(run(provisioner->launch_kernel(
        {.spec = {}, .kernel_id = "id", .environment = {}, .working_directory = {}})));
    return provisioner;
  }
  json record_of(const std::string& text) {
    record_ = text;
    return launched()->adoption_record();
  }

  static void fail_open(std::optional<nk_reply>& reply) {
    if (reply) reply->fail(reply->context, NK_ERROR_UNAVAILABLE, to_abi("destroyed"));
    reply.reset();
  }
  static void succeed(nk_reply reply, std::string_view text) { reply.succeed(reply.context, to_abi(text)); }

  static inline BareProvisionerTest* self = nullptr;
  std::string record_ = R"({"job": 7})";
  std::optional<nk_reply> wait_;
  std::optional<nk_reply> adoption_;
  nk_provisioner_functions functions_ = {
      .size = sizeof(nk_provisioner_functions),
      .destroy =
          [](void*) {
            fail_open(self->wait_);
            fail_open(self->adoption_);
          },
      .launch_kernel = [](void*, nk_string, nk_reply reply) { succeed(reply, "{}"); },
      .wait = [](void*, nk_reply reply) { self->wait_ = reply; },
      .send_signal = [](void*, std::int32_t, nk_reply reply) { succeed(reply, ""); },
      .terminate = [](void*, std::int32_t, nk_reply reply) { succeed(reply, ""); },
      .kill = [](void*, std::int32_t, nk_reply reply) { succeed(reply, ""); },
      .cleanup = nullptr,
      .describe_end = nullptr,
      .output_tail = nullptr,
      .get_provisioner_info = nullptr,
      .why_launch_again = nullptr,
      .owns_kernel = nullptr,
      .complete_connection = nullptr,
      .adoption_record = [](void*, nk_reply reply) { succeed(reply, self->record_); },
      .adopt_kernel = [](void*, nk_string, nk_reply reply) { self->adoption_ = reply; }};
  nk_class class_ = {.size = sizeof(nk_class),
                     .reference = to_abi("bare:Provisioner"),
                     .kind = NK_CLASS_PROVISIONER,
                     .functions = &functions_,
                     .create = [](nk_context*, nk_string, nk_reply) -> void* { return self; }};
};

TEST_F(BareProvisionerTest, a_record_may_be_any_json) {
  EXPECT_EQ(record_of(R"({"job": 7})"), (json{{"job", 7}}));
  EXPECT_EQ(record_of("\"a name\""), "a name");
  EXPECT_EQ(record_of("null"), nullptr);
}

TEST_F(BareProvisionerTest, a_record_that_is_no_json_is_none_and_never_in_the_log) {
  const LogCapture log;
  EXPECT_EQ(record_of("{secret"), nullptr);
  EXPECT_EQ(record_of("\"secret \xff\""), nullptr);
  EXPECT_EQ(record_of(""), nullptr);
  const std::string deep = std::string(100, '[') + "\"secret\"" + std::string(100, ']');
  EXPECT_EQ(record_of(deep), nullptr) << "a kernel's record that is nested deeply cannot be read";
  EXPECT_THAT(log.text(), AllOf(HasSubstr("adoption_record of bare:Provisioner failed"),
                                HasSubstr("nested deeper"), Not(HasSubstr("secret"))));
}

TEST_F(BareProvisionerTest, without_the_functions_nothing_is_handed_over) {
  const auto expect_none = [this] {
    EXPECT_EQ(record_of("{}"), nullptr);
    const auto adopted = run(make()->adopt_kernel(own_request()));
    EXPECT_EQ(adopted.error().code, ErrorCode::unavailable);
    EXPECT_THAT(adopted.error().message, HasSubstr("bare:Provisioner cannot adopt kernels"));
    EXPECT_FALSE(adoption_) << "it was not asked";
  };
  auto whole = functions_;
  functions_.adopt_kernel = nullptr;
  expect_none();
  functions_ = whole;
  functions_.adoption_record = nullptr;
  expect_none();
  functions_ = whole;
  functions_.size = offsetof(nk_provisioner_functions, adoption_record);  // Of an older ABI.
  expect_none();
}

TEST_F(BareProvisionerTest, an_adoption_that_is_never_answered_is_an_error_after_a_time) {
  const auto provisioner = make(std::chrono::milliseconds(1));
  const auto adopted = run(provisioner->adopt_kernel(own_request()));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, ErrorCode::timeout);
  EXPECT_THAT(adopted.error().message, HasSubstr("adopt_kernel of bare:Provisioner was not answered"));
  EXPECT_TRUE(provisioner->has_process()) << "it may run, and is to be ended";
  succeed(*std::exchange(adoption_, std::nullopt), "{}");  // Too late: dropped.
  loop_.restart();
  loop_.poll();
  EXPECT_TRUE(provisioner->has_process());
}

/// What a manager of all kernels does with those of plugins.
class PluginOrphanTest : public PluginAdoptionTest {
 protected:
  PluginOrphanTest() {
    const auto folder = directory_ / "share" / "kernels" / "synthetic";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "kernel.json")
        << json{{"argv", {"kernel"}}, {"display_name", "Synthetic"}, {"language", "commands"}};
    specs_ = std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{.data_path = {directory_ / "share"},
                                                                          .allowed_kernelspecs = {},
                                                                          .ensure_native_kernel = false,
                                                                          .python_prefixes = {},
                                                                          .check_availability = {}});
    factories_.make_provisioner =
        [this](const KernelSpec& spec,
               const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
      if (spec.provisioner.name == KernelProvisionerFactory::standard_provisioner_name)
        return std::make_unique<LocalProvisioner>(executor, provisioner_options_);
      if (!plugin_problem_.empty()) return make_error(ErrorCode::not_found, "{}", plugin_problem_);
      return make_provisioner(provisioner_, own_options_);
    };
    kernels_ = std::make_unique<MultiKernelManager>(
        loop_.get_executor(), *specs_,
        [this](KernelLaunch launch) {
          return std::make_shared<KernelManager>(loop_.get_executor(), std::move(launch), factories_,
                                                 options_);
        },
        MultiKernelManager::Options{.root_dir = directory_,
                                    .shutdown_wait_time = std::chrono::milliseconds(2),
                                    .base_environment = {}});
    kernels_->observe([this](const KernelEvent& event) { events_.push_back(event); });
  }
  ~PluginOrphanTest() override { run(kernels_->shutdown_all({std::chrono::milliseconds(2)})); }

  /// Kernels of a place of its own are talked to by a client of theirs.
  void use_echo_client() { use_classes("", "test_plugin:EchoClient"); }

  /// Adopts the kernel; what is told of it at last.
  KernelEvent adopt(const AbandonedKernel& found,
                    MultiKernelManager::AdoptionPolicy policy = MultiKernelManager::AdoptionPolicy::adopt) {
    run(kernels_->adopt_kernels({found}, policy));
    run_until([this] { return !events_.empty(); });
    return events_.back();
  }

  std::string provisioner_ = derived_provisioner;
  json own_options_ = {{"behaviour", ""}};
  std::string plugin_problem_;
  std::vector<KernelEvent> events_;
  std::unique_ptr<KernelSpecManager> specs_;
  std::unique_ptr<MultiKernelManager> kernels_;
};

TEST_F(PluginOrphanTest, a_kernel_is_adopted) {
  start_kernel(synthetic_spec());
  const auto event = adopt(abandoned());
  EXPECT_EQ(event.action, KernelAction::adopted) << event.reason;
  ASSERT_EQ(kernels_->list_kernels().size(), 1U);
}

TEST_F(PluginOrphanTest, a_kernel_that_is_not_to_be_adopted_is_ended_by_its_class) {
  start_kernel(synthetic_spec());
  const auto id = pid();
  const auto event = adopt(abandoned(), MultiKernelManager::AdoptionPolicy::end);
  EXPECT_EQ(event.action, KernelAction::orphan_ended);
  EXPECT_THAT(event.reason, HasSubstr("KernelState.adopt_kernels"));
  run_until([id] { return !process_exists(id); });
}

TEST_F(PluginOrphanTest, without_its_plugin_a_local_kernel_is_ended_and_told_what_was_missing) {
  start_kernel(synthetic_spec());
  const auto id = pid();
  plugin_problem_ = "There is no kernel provisioner \"limited-provisioner\"";
  const auto event = adopt(abandoned());
  EXPECT_EQ(event.action, KernelAction::orphan_ended);
  EXPECT_THAT(event.reason,
              AllOf(HasSubstr("There is no kernel provisioner \"limited-provisioner\""),
                    HasSubstr("provisioner (test_plugin:DerivedProvisioner)"),
                    HasSubstr("install again what brings them"), Not(HasSubstr("cannot be ended"))));
  run_until([id] { return !process_exists(id); });
}

TEST_F(PluginOrphanTest, without_its_plugin_a_kernel_elsewhere_is_told_to_be_left) {
  provisioner_ = own_provisioner;
  use_echo_client();
  start_kernel(shell_spec("true"));
  plugin_problem_ = "The library cannot be loaded";
  const auto event = adopt(abandoned());
  EXPECT_THAT(event.reason,
              AllOf(HasSubstr("The library cannot be loaded"), HasSubstr("install again what brings them"),
                    HasSubstr("Its process cannot be ended from here either"),
                    HasSubstr("end it by other means"), Not(HasSubstr("a secret"))));
  EXPECT_TRUE(kernel_->has_process());
}

TEST_F(PluginOrphanTest, a_kernel_that_has_ended_by_the_word_of_its_class_died) {
  provisioner_ = own_provisioner;
  use_echo_client();
  start_kernel(shell_spec("true"));
  own_options_["behaviour"] = "has ended";
  const auto event = adopt(abandoned());
  EXPECT_EQ(event.action, KernelAction::died);
  EXPECT_THAT(event.reason, HasSubstr("It has ended"));
}

TEST_F(PluginOrphanTest, a_kernel_whose_adoption_fails_is_ended_by_its_class_with_the_reason) {
  provisioner_ = own_provisioner;
  use_echo_client();
  start_kernel(shell_spec("true"));
  own_options_["behaviour"] = "throw at the adoption";
  const auto event = adopt(abandoned());
  EXPECT_EQ(event.action, KernelAction::orphan_ended);
  EXPECT_THAT(event.reason, AllOf(HasSubstr("the queue is down"), Not(HasSubstr("cannot be ended"))));
}

TEST_F(PluginOrphanTest, a_kernel_that_no_client_can_be_made_for_is_ended_with_the_reason) {
  start_kernel(synthetic_spec());
  const auto id = pid();
  const auto found = abandoned();
  factories_.make_client = [](const std::string&, Conversation&,
                              const Executor&) -> Result<std::unique_ptr<KernelClient>> {
    return make_error(ErrorCode::not_found, "The client's library is gone");
  };
  const auto event = adopt(found);
  EXPECT_EQ(event.action, KernelAction::orphan_ended);
  EXPECT_THAT(event.reason,
              AllOf(HasSubstr("The client's library is gone"), Not(HasSubstr("cannot be ended"))));
  run_until([id] { return !process_exists(id); });
}

}  // namespace
}  // namespace nextgen_kernels
