#include "kernelspecs/kernel_spec_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_python.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string kernel_json(std::string_view display_name) {
  return fmt::format(R"({{"argv": ["k"], "display_name": "{}", "language": "x"}})", display_name);
}

class KernelSpecManagerTest : public testing::Test {
 protected:
  KernelSpecManagerTest() {
    options_.data_path = {directory_.path() / "user", directory_.path() / "system"};
    options_.ensure_native_kernel = false;
  }
  void install(const std::string& place, std::string_view display_name) {
    directory_.write(fs::path(place) / "kernel.json", kernel_json(display_name));
  }
  /// `name=display name` of usable specs, `name:status` of others, in order.
  static std::vector<std::string> summary(KernelSpecManager& manager) {
    std::vector<std::string> result;
    for (const auto& entry : manager.list()) {
      EXPECT_EQ(entry.spec.has_value(), entry.status == KernelSpecStatus::usable);
      result.push_back(entry.spec ? entry.name + "=" + entry.spec->display_name
                                  : fmt::format("{}:{}", entry.name, to_string(entry.status)));
    }
    return result;
  }

  TemporaryDirectory directory_;
  KernelSpecManagerOptions options_;
};

TEST_F(KernelSpecManagerTest, lists_in_search_order_and_the_first_wins) {
  install("system/kernels/a", "system a");
  install("system/kernels/b", "system b");
  install("user/kernels/b", "user b");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("b=user b", "a=system a", "b:shadowed"));
  EXPECT_THAT(manager.list().back().spec.error().message, HasSubstr("user/kernels/b"));
  EXPECT_EQ(manager.get_kernel_spec("b")->display_name, "user b");
}

TEST_F(KernelSpecManagerTest, a_broken_spec_still_hides_those_behind_it) {
  directory_.write("user/kernels/b/kernel.json", "{");
  install("system/kernels/b", "system b");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("b:broken", "b:shadowed"));
}

TEST_F(KernelSpecManagerTest, lower_cases_names_and_finds_them_in_any_case) {
  install("user/kernels/IR", "R");
  install("user/kernels/Ir", "R again");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("ir=R", "ir:shadowed"));
  EXPECT_EQ(manager.get_kernel_spec("iR")->display_name, "R");
}

TEST_F(KernelSpecManagerTest, one_directory_reached_twice_is_listed_once) {
  install("user/kernels/a", "A");
  fs::create_directory_symlink("user", directory_.path() / "system");
  options_.data_path.push_back(directory_.path() / "user/");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("a=A"));
}

TEST_F(KernelSpecManagerTest, skips_what_is_no_kernel_spec) {
  fs::create_directories(directory_.path() / "user/kernels/empty");
  fs::create_directories(directory_.path() / "user/kernels/odd/kernel.json");
  directory_.write("user/kernels/file", "");
  fs::create_symlink("nowhere", directory_.path() / "user/kernels/dangling");
  directory_.write("system/kernels", "not a directory");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), IsEmpty());
}

TEST_F(KernelSpecManagerTest, keeps_the_others_when_one_is_broken) {
  directory_.write("user/kernels/bad/kernel.json", "{\"argv\": }");
  install("user/kernels/good", "Good");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("bad:broken", "good=Good"));
  const auto bad = manager.get_kernel_spec("bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::unavailable);
  EXPECT_THAT(bad.error().message, StartsWith("Kernel spec bad cannot be used: "));
  EXPECT_THAT(bad.error().message, HasSubstr("user/kernels/bad/kernel.json:1:10: invalid JSON"));
}

TEST_F(KernelSpecManagerTest, a_link_that_leads_nowhere_further_is_reported) {
  fs::create_directories(directory_.path() / "user/kernels/loop");
  fs::create_symlink("kernel.json", directory_.path() / "user/kernels/loop/kernel.json");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("loop:broken"));
}

TEST_F(KernelSpecManagerTest, an_unknown_name_gets_the_text_of_jupyter) {
  KernelSpecManager manager(options_);
  for (const auto* name : {"nope", "../../etc", "", "a/b"}) {
    const auto spec = manager.get_kernel_spec(name);
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, ErrorCode::not_found);
    EXPECT_EQ(spec.error().message, fmt::format("Kernel spec {} not found", name));
  }
}

TEST_F(KernelSpecManagerTest, odd_names_work_and_names_that_are_not_text_do_not) {
  install("user/kernels/with space", "Odd");
  install("user/kernels/\xff", "Bytes");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("with space=Odd", "\xff:broken"));
}

TEST_F(KernelSpecManagerTest, the_allow_list_hides_all_others) {
  install("user/kernels/a", "A");
  install("user/kernels/b", "B");
  options_.allowed_kernelspecs = {"B"};
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("a:not_allowed", "b=B"));
  EXPECT_EQ(manager.get_kernel_spec("a").error().message, "Kernel spec a not found");
}

TEST_F(KernelSpecManagerTest, specs_that_cannot_start_here_are_hidden_with_the_reason) {
  install("user/kernels/a", "A");
  install("user/kernels/b", "B");
  bool known = false;
  options_.check_availability = [&known](const KernelSpec& spec) -> Result<void> {
    if (spec.name == "a" || known) return {};
    return make_error(ErrorCode::not_found, "no provisioner is called b");
  };
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("a=A", "b:unavailable"));
  EXPECT_EQ(manager.get_kernel_spec("b").error().message,
            "Kernel spec b cannot be used: no provisioner is called b");
  known = true;
  EXPECT_THAT(summary(manager), ElementsAre("a=A", "b=B"));
}

TEST_F(KernelSpecManagerTest, sees_specs_come_change_and_go) {
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), IsEmpty());
  install("system/kernels/a", "One");
  EXPECT_THAT(summary(manager), ElementsAre("a=One"));
  install("system/kernels/a", "Two");
  EXPECT_THAT(summary(manager), ElementsAre("a=Two")) << "same size, possibly the same time stamp";
  fs::create_directories(directory_.path() / "user/kernels/b");
  EXPECT_THAT(summary(manager), ElementsAre("a=Two"));
  install("user/kernels/b", "B");
  EXPECT_THAT(summary(manager), ElementsAre("b=B", "a=Two"));
  directory_.write("user/kernels/b/logo-svg.svg", "");
  EXPECT_EQ(manager.get_kernel_spec("b")->resources.count("logo-svg"), 1U);
  directory_.write("user/kernels/b/kernel.json", "oops");
  EXPECT_THAT(summary(manager), ElementsAre("b:broken", "a=Two"));
  fs::remove(directory_.path() / "user/kernels/b/kernel.json");
  EXPECT_THAT(summary(manager), ElementsAre("a=Two"));
  fs::remove_all(directory_.path() / "system");
  EXPECT_THAT(summary(manager), IsEmpty());
}

TEST_F(KernelSpecManagerTest, sees_a_link_lead_elsewhere_though_both_targets_are_old) {
  const fs::path installed = NK_TEST_DATA "/kernels";
  const auto link = directory_.path() / "user/kernels/current";
  fs::create_directories(link.parent_path());
  fs::create_directory_symlink(installed / "alpha", link);
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("current=Alpha"));
  EXPECT_THAT(summary(manager), ElementsAre("current=Alpha"));
  fs::create_directory_symlink(installed / "beta", directory_.path() / "next");
  fs::rename(directory_.path() / "next", link);
  EXPECT_THAT(summary(manager), ElementsAre("current=Beta"));
}

TEST_F(KernelSpecManagerTest, repeated_listings_of_old_files_agree) {
  options_.data_path = {NK_TEST_DATA};
  KernelSpecManager manager(options_);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(summary(manager), ElementsAre("alpha=Alpha", "beta=Beta"));
}

TEST_F(KernelSpecManagerTest, offers_python3_of_an_interpreter_with_ipykernel) {
  options_.ensure_native_kernel = true;
  options_.python_prefixes = {add_python_with_ipykernel(directory_, "env")};
  install("user/kernels/a", "A");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("python3=Python 3 (ipykernel)", "a=A"));
  EXPECT_EQ(manager.get_kernel_spec("python3")->argv.front(),
            (directory_.path() / "env/bin/python").string());
  install("user/kernels/python3", "Installed");
  EXPECT_THAT(summary(manager), ElementsAre("a=A", "python3=Installed"));
}

TEST_F(KernelSpecManagerTest, says_that_python3_is_nowhere) {
  options_.ensure_native_kernel = true;
  options_.python_prefixes = {add_python_without_ipykernel(directory_, "env")};
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("python3:absent"));
  EXPECT_EQ(manager.get_kernel_spec("python3").error().message, "Kernel spec python3 not found");
}

TEST_F(KernelSpecManagerTest, runs_no_interpreter_for_a_python3_that_is_not_wanted) {
  const auto prefix = add_python_with_ipykernel(directory_, "env");
  options_.python_prefixes = {prefix};
  EXPECT_THAT(KernelSpecManager(options_).list(), IsEmpty());
  options_.ensure_native_kernel = true;
  options_.allowed_kernelspecs = {"a"};
  EXPECT_THAT(KernelSpecManager(options_).list(), IsEmpty());
  EXPECT_FALSE(fs::exists(prefix / "runs"));
}

TEST_F(KernelSpecManagerTest, the_allow_list_and_availability_hold_for_the_native_kernel_too) {
  options_.ensure_native_kernel = true;
  options_.python_prefixes = {add_python_with_ipykernel(directory_, "env")};
  options_.check_availability = [](const KernelSpec&) -> Result<void> {
    return make_error(ErrorCode::not_found, "no provisioner at all");
  };
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("python3:unavailable"));
}

TEST_F(KernelSpecManagerTest, a_listing_holds_until_something_changes) {
  install("user/kernels/a", "a");
  KernelSpecManager manager(options_);
  EXPECT_EQ(manager.known_entries(), nullptr);
  manager.list();
  const auto known = manager.known_entries();
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->size(), 1u);
  EXPECT_EQ(manager.known_entries(), known);

  install("user/kernels/b", "new");
  EXPECT_EQ(manager.known_entries(), nullptr);
  EXPECT_THAT(summary(manager), ElementsAre("a=a", "b=new"));
  EXPECT_NE(manager.known_entries(), nullptr);
}

TEST_F(KernelSpecManagerTest, every_change_is_seen_at_once) {
  fs::create_directories(directory_.path() / "target");
  directory_.write("target/kernel.json", kernel_json("one"));
  install("user/kernels/a", "a");
  fs::create_directory_symlink(directory_.path() / "target", directory_.path() / "user/kernels/link");
  KernelSpecManager manager(options_);
  EXPECT_THAT(summary(manager), ElementsAre("a=a", "link=one"));
  directory_.write("target/kernel.json", kernel_json("two"));
  EXPECT_THAT(summary(manager), ElementsAre("a=a", "link=two"));
  install("user/kernels/a", "b");
  EXPECT_THAT(summary(manager), ElementsAre("a=b", "link=two"));
  fs::remove_all(directory_.path() / "user/kernels/a");
  EXPECT_THAT(summary(manager), ElementsAre("link=two"));
  install("system/kernels/s", "s");  // Its directory was not there before.
  EXPECT_THAT(summary(manager), ElementsAre("link=two", "s=s"));
  install("system/kernels/s", "t");
  EXPECT_THAT(summary(manager), ElementsAre("link=two", "s=t"));
}

}  // namespace
}  // namespace nextgen_kernels
