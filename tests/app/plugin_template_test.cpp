#include "app/plugin_template.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/plugin_manifest.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The package of this name and these parts; the text of a file by its path.
class NewPackage {
 public:
  explicit NewPackage(std::string_view name, const std::vector<PluginPart>& parts = {})
      : files_(new_plugin_package(name, parts).value()) {}

  std::string operator[](const std::string& path) const {
    const auto file = std::ranges::find(files_, std::filesystem::path(path), &TemplateFile::path);
    return file == files_.end() ? "there is no " + path : file->text;
  }
  const std::vector<TemplateFile>& files() const { return files_; }

 private:
  std::vector<TemplateFile> files_;
};

PluginManifest manifest_of(const std::string& text) {
  const auto parsed = parse_plugin_manifest(text, "/plugins/new.json");
  if (!parsed) throw std::runtime_error(parsed.error().message);
  EXPECT_THAT(parsed->warnings, IsEmpty());
  return parsed->manifest;
}

TEST(PluginTemplate, a_package_has_the_parts_that_were_asked_for) {
  using enum PluginPart;
  const NewPackage least("my-kernels");
  EXPECT_THAT(manifest_of(least["my_kernels.json"]).classes, testing::SizeIs(1));
  EXPECT_THAT(least["my_kernels.cpp"],
              AllOf(HasSubstr("MyKernelsProvisioner"), Not(HasSubstr("Client")), Not(HasSubstr("Listener"))));
  const NewPackage most("my-kernels", {client, listener});
  const auto manifest = manifest_of(most["my_kernels.json"]);
  ASSERT_THAT(manifest.classes, testing::SizeIs(3));
  EXPECT_EQ(manifest.classes[0].reference, "my_kernels:MyKernelsProvisioner"_class);
  EXPECT_EQ(manifest.classes[1].kind, PluginClassKind::client);
  EXPECT_EQ(manifest.classes[2].kernel_names, std::vector<std::string>{"my-kernels"});
  EXPECT_EQ(manifest.clients.at(0).value, "my_kernels:MyKernelsClient");
  EXPECT_THAT(most["README.md"], HasSubstr("a provisioner, a kernel client and a listener"));
}

TEST(PluginTemplate, every_placeholder_is_filled) {
  for (const auto& file : NewPackage("R.kernels_2", {PluginPart::client, PluginPart::listener}).files()) {
    EXPECT_THAT(file.text, Not(HasSubstr("@"))) << file.path;
    EXPECT_THAT(file.text, Not(IsEmpty())) << file.path;
  }
}

TEST(PluginTemplate, names_become_those_of_modules_classes_and_kernel_specs) {
  const NewPackage package("R.kernels-2");
  EXPECT_THAT(package["R_kernels_2.cpp"], AllOf(HasSubstr("class RKernels2Provisioner"),
                                                HasSubstr("\"R_kernels_2:RKernels2Provisioner\"")));
  EXPECT_THAT(package["kernels/r.kernels-2/kernel.json"], HasSubstr("\"R.kernels-2-provisioner\""));
}

TEST(PluginTemplate, what_is_no_name_for_a_package_is_refused) {
  for (const auto* const name : {"", "2kernels", "-x", "my kernels", "../up", "a/b", "naïve", "a@b"}) {
    const auto files = new_plugin_package(name, {});
    ASSERT_FALSE(files) << name;
    EXPECT_THAT(files.error().message, HasSubstr("begin with a letter"));
  }
  EXPECT_FALSE(new_plugin_package(std::string(65, 'a'), {}));
}

}  // namespace
}  // namespace nextgen_kernels
