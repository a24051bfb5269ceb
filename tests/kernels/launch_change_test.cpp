#include "kernels/launch_change.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

KernelSpec spec_of(std::string language) {
  KernelSpec spec;
  spec.language = std::move(language);
  return spec;
}

TEST(launch_change, the_same_place_needs_nothing_in_any_language) {
  const LaunchPlace place{.environment = {{"A", "1"}}, .working_directory = "/tmp"};
  const auto change = plan_launch_change(spec_of("R"), place, place);
  EXPECT_EQ(change.obstacle, "");
  EXPECT_EQ(change.code, "");
}

TEST(launch_change, only_python_kernels_can_be_moved) {
  const LaunchPlace from{.environment = {}, .working_directory = "/tmp"};
  const LaunchPlace to{.environment = {}, .working_directory = "/"};
  EXPECT_THAT(plan_launch_change(spec_of("R"), from, to).obstacle, HasSubstr("language"));
  EXPECT_EQ(plan_launch_change(spec_of("Python"), from, to).obstacle, "");
}

TEST(launch_change, what_is_read_when_a_process_starts_cannot_be_changed) {
  const LaunchPlace from{.environment = {{"PYTHONPATH", "/a"}}, .working_directory = "/"};
  for (const auto& environment : {std::map<std::string, std::string>{},
                                  {{"PYTHONPATH", "/b"}},
                                  {{"PYTHONPATH", "/a"}, {"LD_PRELOAD", "x"}}}) {
    const auto change = plan_launch_change(spec_of("python"), from, {environment, "/"});
    EXPECT_THAT(change.obstacle, HasSubstr("read only when a process starts"));
  }
}

TEST(launch_change, the_code_does_it_and_leaves_no_names_behind) {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "it's \"here\"";
  std::filesystem::create_directories(target);
  const std::string value = "quotes ' \" back\\slash\nline \U0001F600 {braces}";
  const LaunchPlace from{.environment = {{"OLD", "1"}, {"KEPT", "k"}}, .working_directory = "/"};
  const LaunchPlace to{.environment = {{"KEPT", "k"}, {"NEW", value}}, .working_directory = target};
  const auto change = plan_launch_change(spec_of("python"), from, to);
  ASSERT_EQ(change.obstacle, "");
  const auto result = directory.path() / "result.json";
  const auto script = directory.write(
      "script.py", "before = set(globals()) | {'before'}\n" + change.code +
                       "\nleft = sorted(set(globals()) - before)\n"
                       "import json, os, sys\n"
                       "with open(sys.argv[1], 'w') as file:\n"
                       "    json.dump([left, os.getcwd(), os.environ['PWD'], os.environ.get('OLD'), "
                       "os.environ['KEPT'], os.environ['NEW']], file)\n");
  const auto command = "OLD=1 KEPT=k python3 '" + script.string() + "' '" + result.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(result)),
            nlohmann::json({nlohmann::json::array(), target.string(), target.string(), nullptr, "k", value}));
}

}  // namespace
}  // namespace nextgen_kernels
