#include "config/help.h"

#include "base/strings.h"
#include "configuration_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const CommandSyntax syntax = {
    .program = "nextgen-kernels execute",
    .summary = "Run code on a kernel.",
    .options = {{.name = "kernel", .value_name = "NAME", .help = "The kernel spec.", .letter = 'k'}},
    .arguments_name = "CODE"};

TEST(Help, it_shows_usage_options_and_short_names) {
  const auto text = help_text(server_trait_table(), syntax, 80);
  EXPECT_THAT(text, StartsWith("Usage: nextgen-kernels execute [OPTIONS] CODE\n\nRun code on a kernel.\n"));
  EXPECT_THAT(text, HasSubstr("  -k, --kernel=NAME\n      The kernel spec.\n"));
  EXPECT_THAT(text, HasSubstr("  -h, --help\n"));
  EXPECT_THAT(text, HasSubstr("  --debug\n"));
  EXPECT_THAT(text, HasSubstr("  --port=INTEGER\n      Short for --ServerApp.port."));
  EXPECT_THAT(text, HasSubstr("--help-all"));
  EXPECT_THAT(text, Not(HasSubstr("--KernelJournal")));
}

TEST(Help, all_help_shows_every_trait_with_its_type_default_and_variable) {
  const auto text = all_help_text(server_trait_table(), syntax, 80);
  for (const auto& trait : server_trait_table().traits())
    EXPECT_THAT(text, HasSubstr("  --" + trait.full_name() + "=")) << trait.full_name();
  EXPECT_THAT(
      text, HasSubstr("\nKernelManager\n  --KernelManager.shutdown_wait_time=NUMBER\n      Default: 5.0\n"));
  EXPECT_THAT(text, HasSubstr("  --KernelManager.transport=tcp|ipc\n      Default: \"tcp\"\n"));
  EXPECT_THAT(text, HasSubstr("      Environment: JUPYTER_TOKEN\n      Environment: JUPYTER_TOKEN_FILE\n"));
}

TEST(Help, lines_are_wrapped_to_the_width) {
  for (const std::size_t width : {40U, 80U, 120U})
    for (const auto line : split(all_help_text(server_trait_table(), syntax, width), '\n'))
      if (line.starts_with("      ") && trim(line).contains(' ')) EXPECT_LE(line.size(), width) << line;
}

TEST(Help, the_width_of_the_terminal_can_be_set_and_stays_readable) {
  EXPECT_EQ(terminal_width({{"COLUMNS", "100"}}), 100U);
  EXPECT_EQ(terminal_width({{"COLUMNS", "5"}}), 40U);
  EXPECT_EQ(terminal_width({{"COLUMNS", "100000"}}), 120U);
  EXPECT_GE(terminal_width({{"COLUMNS", "wide"}}), 40U);
}

}  // namespace
}  // namespace nextgen_kernels
