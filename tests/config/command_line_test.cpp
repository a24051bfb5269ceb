#include "config/command_line.h"

#include "configuration_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CommandLineTest : public ConfigurationFixture {
 protected:
  /// Parses with the options of a subcommand that runs code.
  Result<CommandLine> parse_execute(const std::vector<std::string>& arguments) const {
    return parse_command_line(
        arguments, server_trait_table(),
        {.program = "nextgen-kernels execute",
         .summary = "Run code.",
         .options = {{.name = "kernel", .value_name = "NAME", .help = "", .letter = 'k'},
                     {.name = "quiet", .help = ""}},
         .arguments_name = "CODE"});
  }
};

TEST_F(CommandLineTest, a_trait_takes_its_value_after_an_equals_sign_or_a_space) {
  EXPECT_EQ(shown(load({"--ServerApp.port=0"}), "ServerApp.port"), "0");
  EXPECT_EQ(shown(load({"--ServerApp.port", "9999"}), "ServerApp.port"), "9999");
  EXPECT_EQ(shown(load({"--ServerApp.ip="}), "ServerApp.ip"), "\"\"");
}

TEST_F(CommandLineTest, aliases_and_flags_set_traits) {
  const auto loaded = load({"--port=1", "--ip", "::1", "--debug", "--no-browser", "--transport=ipc"});
  EXPECT_EQ(shown(loaded, "ServerApp.port"), "1");
  EXPECT_EQ(shown(loaded, "ServerApp.ip"), "\"::1\"");
  EXPECT_EQ(shown(loaded, "ServerApp.log_level"), "\"DEBUG\"");
  EXPECT_EQ(shown(loaded, "KernelManager.transport"), "\"ipc\"");
}

TEST_F(CommandLineTest, the_names_of_bases_and_subclasses_upstream_are_accepted) {
  EXPECT_EQ(shown(load({"--Application.log_level=10"}), "ServerApp.log_level"), "\"DEBUG\"");
  EXPECT_EQ(shown(load({"--AsyncMappingKernelManager.kernel_info_timeout=5"}),
                  "MappingKernelManager.kernel_info_timeout"),
            "5.0");
}

TEST_F(CommandLineTest, the_last_value_counts_and_lists_grow) {
  EXPECT_EQ(shown(load({"--port=1", "--ServerApp.port=2"}), "ServerApp.port"), "2");
  EXPECT_EQ(shown(load({"--KernelSpecManager.allowed_kernelspecs=python3",
                        "--KernelSpecManager.allowed_kernelspecs", "ir"}),
                  "KernelSpecManager.allowed_kernelspecs"),
            R"(["python3","ir"])");
}

TEST_F(CommandLineTest, a_dictionary_takes_entries_in_each_of_traitlets_forms) {
  EXPECT_EQ(shown(load({"--KernelClientRegistry.provisioner_client_mappings.my.module:Provisioner=a:A",
                        "--KernelClientRegistry.provisioner_client_mappings=b:B=c:C",
                        "--KernelClientRegistry.provisioner_client_mappings", "d:D=e:E",
                        "--KernelClientRegistry.provisioner_client_mappings={\"f:F\": \"g:G\"}",
                        "--KernelClientRegistry.provisioner_client_mappings.d:D", "x:X"}),
                  "KernelClientRegistry.provisioner_client_mappings"),
            R"({"b:B":"c:C","d:D":"x:X","f:F":"g:G","my.module:Provisioner":"a:A"})");
}

TEST_F(CommandLineTest, a_list_of_objects_grows) {
  const std::string option = "--KernelClientRegistry.conditional_client_mappings=";
  EXPECT_EQ(shown(load({option + R"({"client": "a:A"})", option + R"({"client": "b:B"})"}),
                  "KernelClientRegistry.conditional_client_mappings"),
            R"([{"client":"a:A"},{"client":"b:B"}])");
}

TEST_F(CommandLineTest, the_client_class_of_other_managers_is_the_fallback) {
  for (const auto* name : {"KernelManager", "ProvisionerAwareKernelManager"}) {
    const auto loaded = load({fmt::format("--{}.client_class=mine:Client", name)});
    EXPECT_EQ(shown(loaded, "KernelClientRegistry.fallback_client_class"), R"("mine:Client")");
    ASSERT_EQ(loaded->warnings.size(), 1);
    EXPECT_THAT(loaded->warnings[0], HasSubstr("use --KernelClientRegistry.fallback_client_class"));
  }
  EXPECT_EQ(shown(load({"--ProvisionerAwareKernelManager.autorestart=false"}), "KernelManager.autorestart"),
            "false");
}

TEST_F(CommandLineTest, a_boolean_without_a_value_is_true) {
  const std::string trait = "KernelManager.autorestart";
  EXPECT_EQ(shown(load({"--" + trait, "--port=1"}), trait), "true");
  EXPECT_EQ(shown(load({"--" + trait, "false"}), trait), "false");
  EXPECT_EQ(shown(load({"--" + trait + "=False"}), trait), "false");
}

TEST_F(CommandLineTest, a_missing_value_is_told) {
  EXPECT_EQ(message(parse({"--port"})), "--port needs a value: --port=8888");
  EXPECT_EQ(message(parse({"--ServerApp.ip", "--debug"})),
            "--ServerApp.ip needs a value: --ServerApp.ip=TEXT");
  EXPECT_EQ(message(parse({"--config"})), "--config needs a value: --config=FILE");
}

TEST_F(CommandLineTest, a_wrong_value_is_told_with_the_option_as_typed) {
  EXPECT_EQ(message(parse({"--port=eight"})),
            "--port: expected an integer from 0 to 65535, such as 8888, not \"eight\"");
  EXPECT_EQ(message(parse({"--ServerApp.port", "-1"})),
            "--ServerApp.port: expected an integer from 0 to 65535, such as 8888, not \"-1\"");
  EXPECT_EQ(message(parse({"--debug=1"})), "--debug takes no value");
  EXPECT_EQ(message(parse({"--show-config=1"})), "--show-config takes no value");
}

TEST_F(CommandLineTest, an_unknown_option_is_refused_with_the_nearest_one) {
  EXPECT_EQ(message(parse({"--ServerApp.prot=1"})),
            "Unknown option --ServerApp.prot. Did you mean --ServerApp.port? nextgen-kernels serve "
            "--help-all lists all "
            "options");
  EXPECT_THAT(message(parse({"--prot=1"})), HasSubstr("Did you mean --port?"));
  EXPECT_THAT(message(parse({"--debgu"})), HasSubstr("Did you mean --debug?"));
  EXPECT_THAT(message(parse({"--generate-confg"})), HasSubstr("Did you mean --generate-config?"));
  EXPECT_THAT(message(parse({"--something-else-entirely"})), Not(HasSubstr("Did you mean")));
  EXPECT_EQ(parse({"--prot=1"}).error().code, ErrorCode::invalid_argument);
}

TEST_F(CommandLineTest, the_right_trait_of_a_wrong_class_is_suggested_with_its_class) {
  EXPECT_THAT(message(parse({"--NotebookApp.port=1"})), HasSubstr("Did you mean --ServerApp.port?"));
  EXPECT_THAT(message(parse({"--ServerApp.autorestart=1"})),
              HasSubstr("Did you mean --KernelManager.autorestart?"));
  EXPECT_THAT(message(parse({"--max-body-size=1"})), HasSubstr("Did you mean --ServerApp.max_body_size?"));
  EXPECT_THAT(message(parse({"--ServerApp.port.x=1"})), StartsWith("Unknown option --ServerApp.port.x."));
}

TEST_F(CommandLineTest, values_of_unknown_options_are_not_repeated) {
  EXPECT_THAT(message(parse({"--token=hunter2"})),
              testing::AllOf(HasSubstr("Did you mean --IdentityProvider.token?"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(message(parse({"IdentityProvider.token=hunter2"})),
              testing::AllOf(HasSubstr("--IdentityProvider.token="), Not(HasSubstr("hunter2"))));
}

TEST_F(CommandLineTest, arguments_beside_options_are_refused_where_none_are_taken) {
  EXPECT_EQ(message(parse({"extra"})),
            "Unexpected argument extra. nextgen-kernels serve --help lists the options");
  EXPECT_EQ(message(parse({"ServerApp.port=1"})),
            "Unexpected argument ServerApp.port=...: options begin with two dashes, --ServerApp.port=...");
  EXPECT_EQ(message(parse({"-p"})), "Unknown option -p. nextgen-kernels serve --help lists the options");
}

TEST_F(CommandLineTest, a_subcommand_has_options_and_arguments_of_its_own) {
  const auto line =
      parse_execute({"--kernel=ir", "-", "-k", "python3", "--quiet", "--port=1", "--", "--port=2"});
  ASSERT_TRUE(line.has_value()) << line.error().message;
  EXPECT_EQ(line->value_of("kernel"), "python3");
  EXPECT_TRUE(line->has("quiet"));
  EXPECT_FALSE(line->has("port"));
  EXPECT_EQ(line->value_of("none"), std::nullopt);
  EXPECT_THAT(line->arguments, ElementsAre("-", "--port=2"));
  EXPECT_EQ(line->assignments.size(), 1U);
  EXPECT_EQ(parse_execute({"-kir"})->value_of("kernel"), "ir");
  EXPECT_THAT(message(parse_execute({"--kernl=ir"})), HasSubstr("Did you mean --kernel?"));
}

TEST_F(CommandLineTest, help_is_given_even_when_something_else_is_wrong) {
  EXPECT_EQ(parse({"--bogus", "--help"})->action, CommandAction::show_help);
  EXPECT_EQ(parse({"-h"})->action, CommandAction::show_help);
  EXPECT_EQ(parse({"--port=x", "--help-all"})->action, CommandAction::show_all_help);
  EXPECT_EQ(parse_execute({"--", "--help"})->action, CommandAction::run);
}

TEST_F(CommandLineTest, common_options_are_understood) {
  const auto line =
      parse({"--config=/a.json", "--config", "/b.json", "--env-prefix=/opt/p", "--generate-config", "-y"});
  ASSERT_TRUE(line.has_value()) << line.error().message;
  EXPECT_THAT(line->configuration_files, ElementsAre("/a.json", "/b.json"));
  EXPECT_THAT(line->environment_prefixes, ElementsAre("/opt/p"));
  EXPECT_EQ(line->action, CommandAction::generate_configuration);
  EXPECT_EQ(line->existing_file, ExistingFile::overwrite);
  EXPECT_EQ(parse({"--show-config"})->action, CommandAction::show_configuration);
  EXPECT_EQ(parse({})->action, CommandAction::run);
}

TEST_F(CommandLineTest, a_deprecated_name_works_and_warns) {
  const auto line = parse({"--ServerApp.token=hunter2"});
  ASSERT_TRUE(line.has_value());
  EXPECT_THAT(line->warnings, ElementsAre("--ServerApp.token is deprecated: use --IdentityProvider.token"));
  EXPECT_EQ(line->assignments.front().definition->full_name(), "IdentityProvider.token");
  EXPECT_THAT(parse({"--IdentityProvider.token=hunter2"})->warnings, IsEmpty());
}

}  // namespace
}  // namespace nextgen_kernels
