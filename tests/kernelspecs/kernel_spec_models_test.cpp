#include "kernelspecs/kernel_spec_models.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

KernelSpec spec_named(const std::string& name) {
  auto spec = parse_kernel_spec(name, "/specs/" + name, R"({"argv": ["k"], "language": "x"})");
  return *std::move(spec);
}

KernelSpecEntry usable(const std::string& name) {
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = KernelSpecStatus::usable,
          .spec = spec_named(name)};
}

KernelSpecEntry broken(const std::string& name) {
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = KernelSpecStatus::broken,
          .spec = make_error(ErrorCode::invalid_argument, "wrong")};
}

TEST(KernelSpecModel, has_name_spec_and_urls_of_resources) {
  auto spec = spec_named("ir");
  spec.resources = {{"kernel.js", "kernel.js"}, {"logo-64x64", "logo-64x64.png"}};
  const auto model = kernel_spec_model(spec, "/a%40b/");
  EXPECT_EQ(model.dump(), R"({"name":"ir","spec":)" + spec.to_json().dump() +
                              R"(,"resources":{"kernel.js":"/a%40b/kernelspecs/ir/kernel.js",)"
                              R"("logo-64x64":"/a%40b/kernelspecs/ir/logo-64x64.png"}})");
}

TEST(KernelSpecModel, urls_at_the_root_start_with_one_slash) {
  auto spec = spec_named("with space");
  spec.resources = {{"logo-#", "logo-#.png"}};
  EXPECT_EQ(kernel_spec_model(spec, "/")["resources"]["logo-#"], "/kernelspecs/with%20space/logo-%23.png");
  EXPECT_EQ(kernel_spec_model(spec, "")["resources"]["logo-#"], "/kernelspecs/with%20space/logo-%23.png");
}

TEST(KernelSpecsModel, has_the_default_first_and_usable_ones_only) {
  const auto model =
      kernel_specs_model({usable("a"), broken("b"), usable("python3"), usable("z")}, "python3", "/");
  EXPECT_EQ(model["default"], "python3");
  std::string order;
  for (const auto& [name, spec] : model["kernelspecs"].items()) order += name + " ";
  EXPECT_EQ(order, "python3 a z ");
  EXPECT_EQ(model["kernelspecs"]["a"], kernel_spec_model(spec_named("a"), "/"));
}

TEST(KernelSpecsModel, keeps_a_default_that_is_not_there) {
  EXPECT_EQ(kernel_specs_model({}, "python3", "/").dump(), R"({"default":"python3","kernelspecs":{}})");
}

}  // namespace
}  // namespace nextgen_kernels
