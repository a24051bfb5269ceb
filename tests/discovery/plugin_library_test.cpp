#include "discovery/plugin_library.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/temporary_directory.h"
#include "base/file_descriptor.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

const nk_host host_without_functions = {.size = sizeof(nk_host),
                                        .abi_version = NK_ABI_VERSION,
                                        .server_version = {"0", 1},
                                        .log = nullptr,
                                        .post = nullptr,
                                        .start_timer = nullptr,
                                        .cancel_timer = nullptr,
                                        .deliver = nullptr,
                                        .create_base_provisioner = nullptr,
                                        .create_base_client = nullptr,
                                        .liveness_changed = nullptr,
                                        .library = nullptr,
                                        .register_client = nullptr,
                                        .refuse = nullptr};

class PluginLibraryTest : public testing::Test {
 protected:
  static fs::path built(const std::string& name) { return fs::path(TEST_PLUGINS) / ("lib" + name + ".so"); }

  static Result<PluginLibrary> load(const fs::path& library) {
    PluginManifest manifest;
    manifest.package = "some-kernels";
    manifest.version = "1.2";
    manifest.abi = NK_ABI_VERSION;
    manifest.library = library;
    return PluginLibrary::load(manifest, host_without_functions);
  }

  static std::string failure_of(const fs::path& library) {
    const auto loaded = load(library);
    return loaded ? "no failure" : loaded.error().message;
  }

  static PluginClass declared(ClassReferenceLiteral reference, PluginClassKind kind) {
    return {.reference = reference, .kind = kind};
  }

  TemporaryDirectory directory_;
};

TEST_F(PluginLibraryTest, a_library_gives_the_classes_that_its_manifest_declares) {
  const auto library = load(built("nk_test_plugin"));
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ(library->sdk_version(), "0.1.0");
  for (const auto& [reference, kind] :
       std::initializer_list<std::pair<ClassReferenceLiteral, PluginClassKind>>{
           {"test_plugin:OwnProvisioner", PluginClassKind::provisioner},
           {"test_plugin:EchoClient", PluginClassKind::client},
           {"test_plugin.LineListener", PluginClassKind::listener}}) {
    const auto found = library->find_class(declared(reference, kind));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_NE((*found)->create, nullptr);
  }
}

TEST_F(PluginLibraryTest, a_class_that_the_library_lacks_is_named_with_those_it_has) {
  const auto library = load(built("nk_test_plugin"));
  ASSERT_TRUE(library) << library.error().message;
  const auto found = library->find_class(declared("test_plugin:Other", PluginClassKind::client));
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, AllOf(HasSubstr("some-kernels 1.2"), HasSubstr("test_plugin:Other"),
                                           HasSubstr("does not have"), HasSubstr("test_plugin:EchoClient")));
}

TEST_F(PluginLibraryTest, a_class_of_another_kind_is_refused) {
  const auto library = load(built("nk_test_plugin"));
  ASSERT_TRUE(library) << library.error().message;
  const auto found = library->find_class(declared("test_plugin:EchoClient", PluginClassKind::provisioner));
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("says that test_plugin:EchoClient is a provisioner"));
}

TEST_F(PluginLibraryTest, a_class_without_its_functions_is_refused) {
  const auto library = load(built("nk_broken_plugin_incomplete_class"));
  ASSERT_TRUE(library) << library.error().message;
  const auto found = library->find_class(declared("broken:Client", PluginClassKind::client));
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("functions of it are missing"));
}

TEST_F(PluginLibraryTest, every_defect_of_a_library_is_told_with_the_plugin_and_the_file) {
  const std::pair<std::string, std::string> defects[] = {
      {"undefined_symbol", "undefined symbol: symbol_that_nobody_defines"},
      {"no_entry", "it does not export nextgen_kernels_plugin"},
      {"other_abi", "it was built for version 7 of the plugin ABI, and this program has version 1"},
      {"throwing_entry", "nextgen_kernels_plugin threw an exception"},
      {"null_entry", "nextgen_kernels_plugin returned nothing of use"},
      {"short_table", "nextgen_kernels_plugin returned an incomplete table"},
  };
  for (const auto& [name, complaint] : defects) {
    const auto library = built("nk_broken_plugin_" + name);
    EXPECT_THAT(failure_of(library), AllOf(HasSubstr("plugin some-kernels 1.2 (" + library.native() + ")"),
                                           HasSubstr(complaint), Not(HasSubstr("/proc/self"))));
  }
}

TEST_F(PluginLibraryTest, a_file_that_is_missing_or_no_library_is_told) {
  EXPECT_THAT(failure_of(directory_.path() / "gone.so"), HasSubstr("No such file or directory"));
  EXPECT_THAT(failure_of(directory_.write("text.so", "no library")),
              AllOf(HasSubstr((directory_.path() / "text.so").native()), Not(HasSubstr("/proc/self"))));
  EXPECT_THAT(failure_of(directory_.path()), HasSubstr("is not a file"));
  EXPECT_THAT(failure_of({}), HasSubstr("its manifest names none"));
}

TEST_F(PluginLibraryTest, a_library_that_others_may_write_when_it_is_loaded_is_refused) {
  const auto library = directory_.path() / "lib/libcopy.so";
  fs::create_directories(library.parent_path());
  fs::copy_file(built("nk_test_plugin"), library);
  fs::permissions(library, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(failure_of(library), HasSubstr("can be written by everybody"));
  fs::permissions(library, fs::perms::others_write, fs::perm_options::remove);
  fs::permissions(library.parent_path(), fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(failure_of(library), HasSubstr("the folder of its library"));
  fs::permissions(library.parent_path(), fs::perms::others_write, fs::perm_options::remove);
  EXPECT_EQ(failure_of(library), "no failure");
}

TEST_F(PluginLibraryTest, the_permissions_that_count_are_those_of_the_file_that_a_link_leads_to) {
  const auto open_folder = directory_.path() / "open";
  fs::create_directories(open_folder);
  fs::copy_file(built("nk_test_plugin"), open_folder / "libcopy.so");
  fs::create_directories(directory_.path() / "plugins");
  fs::create_symlink(open_folder / "libcopy.so", directory_.path() / "plugins/libcopy.so");
  EXPECT_EQ(failure_of(directory_.path() / "plugins/libcopy.so"), "no failure");
  fs::permissions(open_folder, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(failure_of(directory_.path() / "plugins/libcopy.so"), HasSubstr("can be written by everybody"));
}

/// How much of what is mapped with a name can be read now; reading it in place could end the test.
struct Readable {
  std::size_t all = 0;
  std::size_t now = 0;
};
Readable readable_bytes(const std::string& library) {
  Readable found;
  std::ifstream maps("/proc/self/maps");
  const FileDescriptor memory(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::istringstream words(line);
    char dash = 0;
    words >> std::hex >> start >> dash >> end;
    if (!line.contains(library) && !line.contains("memfd:plugin")) continue;
    std::vector<char> bytes(end - start);
    const auto count = ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(start));
    found.all += bytes.size();
    found.now += count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  return found;
}

TEST_F(PluginLibraryTest, what_is_loaded_does_not_change_with_its_file) {
  const auto file = directory_.path() / "libcopy.so";
  fs::copy_file(built("nk_test_plugin"), file);
  const auto library = load(file);
  ASSERT_TRUE(library) << library.error().message;
  const auto before = readable_bytes(file.native());
  EXPECT_GT(before.all, 0U);
  EXPECT_EQ(before.now, before.all);
  // Like cp: the file stays the same one, and its content goes.
  std::ofstream(file, std::ios::trunc) << "another library";
  EXPECT_EQ(readable_bytes(file.native()).now, before.all);
  EXPECT_TRUE(library->find_class(declared("test_plugin:EchoClient", PluginClassKind::client)));
}

}  // namespace
}  // namespace nextgen_kernels
