#include "kernelspecs/kernel_spec_list.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nextgen_kernels {
namespace {

using enum KernelSpecListContent;
using enum KernelSpecListFormat;

KernelSpecEntry entry_of(const std::string& name) {
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = KernelSpecStatus::usable,
          .spec = parse_kernel_spec(name, "/specs/" + name, R"({"argv": ["k"], "display_name": "K"})")};
}

KernelSpecEntry bad_entry(const std::string& name, std::string reason) {
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = KernelSpecStatus::broken,
          .spec = std::unexpected(Error{ErrorCode::invalid_argument, std::move(reason)})};
}

std::vector<KernelSpecEntry> sample() {
  return {entry_of("python3"), bad_entry("a-broken-one", "argv is missing"), entry_of("ir")};
}

TEST(KernelSpecList, looks_like_the_one_of_jupyter) {
  EXPECT_EQ(render_kernel_spec_list(sample(), KernelSpecListContent::usable, table),
            "Available kernels:\n"
            "  python3    /specs/python3\n"
            "  ir         /specs/ir\n");
  EXPECT_EQ(render_kernel_spec_list({}, KernelSpecListContent::usable, table), "No kernels available\n");
}

TEST(KernelSpecList, adds_the_unavailable_ones_with_reasons) {
  EXPECT_EQ(render_kernel_spec_list(sample(), all, table),
            "Available kernels:\n"
            "  python3         /specs/python3\n"
            "  ir              /specs/ir\n"
            "\n"
            "Unavailable kernels:\n"
            "  a-broken-one    /specs/a-broken-one\n"
            "                  argv is missing\n");
  EXPECT_EQ(render_kernel_spec_list({entry_of("ir")}, all, table), "Available kernels:\n  ir    /specs/ir\n");
}

TEST(KernelSpecList, shows_a_native_kernel_that_is_nowhere) {
  KernelSpecEntry absent = bad_entry("python3", "no ipykernel");
  absent.resource_dir.clear();
  absent.status = KernelSpecStatus::absent;
  EXPECT_EQ(render_kernel_spec_list({absent}, all, table),
            "No kernels available\n\nUnavailable kernels:\n  python3    -\n             no ipykernel\n");
}

TEST(KernelSpecList, keeps_control_characters_from_the_terminal) {
  EXPECT_EQ(render_kernel_spec_list({bad_entry("a\x1b[2J", "bad\nnews")}, all, table),
            "No kernels available\n\nUnavailable kernels:\n"
            "  a\\x1b[2J    /specs/a\\x1b[2J\n"
            "              bad\\x0anews\n");
}

TEST(KernelSpecList, json_has_the_shape_of_jupyter) {
  const auto entries = sample();
  const auto document =
      nlohmann::ordered_json::parse(render_kernel_spec_list(entries, KernelSpecListContent::usable, json));
  const nlohmann::ordered_json expected{
      {"kernelspecs",
       {{"python3", {{"resource_dir", "/specs/python3"}, {"spec", entries[0].spec->to_json()}}},
        {"ir", {{"resource_dir", "/specs/ir"}, {"spec", entries[2].spec->to_json()}}}}}};
  EXPECT_EQ(document, expected);
}

TEST(KernelSpecList, json_of_nothing_is_an_empty_object) {
  EXPECT_EQ(nlohmann::json::parse(render_kernel_spec_list({}, all, json)).dump(),
            R"({"kernelspecs":{},"unavailable":[]})");
}

TEST(KernelSpecList, json_of_all_adds_the_reasons_and_survives_odd_bytes) {
  const auto document = nlohmann::json::parse(render_kernel_spec_list({bad_entry("\xff", "why")}, all, json));
  EXPECT_EQ(document["unavailable"][0].dump(-1, ' ', true),
            R"({"name":"\ufffd","reason":"why","resource_dir":"/specs/\ufffd","status":"broken"})");
}

TEST(ExplainKernelSpec, suggests_the_nearest_name) {
  EXPECT_EQ(explain_kernel_spec(sample(), "pyton3"), "Kernel spec pyton3 not found. Did you mean python3?");
  EXPECT_EQ(explain_kernel_spec(sample(), "julia-1.10"),
            "Kernel spec julia-1.10 not found. There are: python3, ir.");
  EXPECT_EQ(explain_kernel_spec({}, "x"), "Kernel spec x not found, and no other can be used.");
}

TEST(ExplainKernelSpec, says_what_is_wrong_with_one_that_is_there) {
  EXPECT_EQ(explain_kernel_spec(sample(), "A-Broken-One"),
            "Kernel spec A-Broken-One cannot be used: argv is missing.");
}

}  // namespace
}  // namespace nextgen_kernels
