#include "kernelspecs/kernel_spec_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class KernelSpecResources : public testing::Test {
 protected:
  KernelSpecResources() {
    directory_.write("secret", "outside");
    directory_.write("spec-neighbour/logo-32x32.png", "outside");
    directory_.write("spec/kernel.json", "{}");
    spec_.name = "test";
    spec_.resource_dir = directory_.path() / "spec";
  }
  bool serves(std::string_view file) const { return find_kernel_spec_resource(spec_, file).has_value(); }

  TemporaryDirectory directory_;
  KernelSpec spec_;
};

TEST_F(KernelSpecResources, lists_what_clients_load) {
  for (const auto* name :
       {"kernel.js", "kernel.css", "logo-64x64.png", "logo-svg.svg", "logo-a.b.png", "readme.md"})
    directory_.write(fs::path("spec") / name, "x");
  EXPECT_THAT(list_kernel_spec_resources(spec_.resource_dir),
              ElementsAre(Pair("kernel.css", "kernel.css"), Pair("kernel.js", "kernel.js"),
                          Pair("logo-64x64", "logo-64x64.png"), Pair("logo-a.b", "logo-a.b.png"),
                          Pair("logo-svg", "logo-svg.svg")));
}

TEST_F(KernelSpecResources, lists_nothing_that_is_not_served) {
  fs::create_directory(spec_.resource_dir / "logo-directory");
  fs::create_symlink("../secret", spec_.resource_dir / "logo-link.png");
  EXPECT_THAT(list_kernel_spec_resources(spec_.resource_dir), IsEmpty());
  EXPECT_THAT(list_kernel_spec_resources(spec_.resource_dir / "missing"), IsEmpty());
}

TEST_F(KernelSpecResources, serves_files_of_the_spec) {
  directory_.write("spec/static/deep/module.js", "x");
  fs::create_symlink("static/deep/module.js", spec_.resource_dir / "kernel.js");
  EXPECT_EQ(find_kernel_spec_resource(spec_, "kernel.json").value(), spec_.resource_dir / "kernel.json");
  EXPECT_TRUE(serves("static/deep/module.js"));
  EXPECT_TRUE(serves("kernel.js")) << "a link that stays inside is fine";
}

TEST_F(KernelSpecResources, serves_a_spec_that_is_itself_a_link) {
  fs::create_directory_symlink(spec_.resource_dir, directory_.path() / "link");
  spec_.resource_dir = directory_.path() / "link";
  EXPECT_TRUE(serves("kernel.json"));
}

TEST_F(KernelSpecResources, refuses_every_way_out) {
  fs::create_symlink(directory_.path() / "secret", spec_.resource_dir / "absolute-link");
  fs::create_directory_symlink("..", spec_.resource_dir / "up");
  for (const auto* file : {"../secret", "..", ".", "", "./kernel.json", "a/../../secret", "/etc/passwd",
                           "//etc/passwd", "absolute-link", "up/secret", "../spec-neighbour/logo-32x32.png",
                           "up/spec/../secret", "kernel.json/", "static//x"})
    EXPECT_FALSE(serves(file)) << file;
  EXPECT_FALSE(serves(std::string_view("kernel.json\0.png", 16)));
}

TEST_F(KernelSpecResources, refuses_what_is_not_a_regular_file) {
  ASSERT_EQ(::mkfifo((spec_.resource_dir / "fifo").c_str(), 0600), 0);
  fs::create_directory(spec_.resource_dir / "directory");
  EXPECT_FALSE(serves("fifo"));
  EXPECT_FALSE(serves("directory"));
  const auto missing = find_kernel_spec_resource(spec_, "logo-\xff\n.png");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().message, R"(Kernel spec test has no resource "logo-\ufffd\n.png")");
}

}  // namespace
}  // namespace nextgen_kernels
