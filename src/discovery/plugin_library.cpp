#include "discovery/plugin_library.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "discovery/file_permissions.h"
#include "discovery/plugin_abi_version.h"
#include "discovery/private_mapping.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

std::string_view view(nk_string text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

/// A library that may be loaded, reached through its open folder: its name in there is not anybody's to
/// change but theirs who may write to the folder, and these were looked at.
struct LibraryFile {
  std::string path;           ///< For `dlopen`.
  std::string folder_prefix;  ///< What of it stands for the folder.
  fs::path folder;
};

/// Leaves the folder open for good: the system's loader looks for what a library needs beside it ($ORIGIN),
/// and plugins stay loaded.
Result<LibraryFile> open_library(const fs::path& library) {
  std::error_code error;
  const auto path = fs::canonical(library, error);
  if (error) return make_errno_error("open", library.native(), error.value());
  const int folder = ::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return make_errno_error("open", path.parent_path().native(), errno);
  struct stat folder_status{};
  struct stat file_status{};
  std::string refusal;
  if (::fstat(folder, &folder_status) != 0 ||
      ::fstatat(folder, path.filename().c_str(), &file_status, AT_SYMLINK_NOFOLLOW) != 0)
    refusal = make_errno_error("stat", path.native(), errno).error().message;
  else if (!S_ISREG(file_status.st_mode))
    refusal = fmt::format("{} is not a file", path.native());
  else
    refusal = danger_of_library(path, file_status, folder_status).value_or("");
  if (!refusal.empty()) {
    ::close(folder);
    return make_error(ErrorCode::permission_denied, "{}", refusal);
  }
  auto prefix = fmt::format("/proc/self/fd/{}", folder);
  return LibraryFile{.path = fmt::format("{}/{}", prefix, path.filename().native()),
                     .folder_prefix = std::move(prefix),
                     .folder = path.parent_path()};
}

/// What the system's loader said last, with the path that people know.
std::string loader_complaint(const LibraryFile& file) {
  const char* const complaint = ::dlerror();  // NOLINT(concurrency-mt-unsafe): of this thread.
  std::string text = complaint == nullptr ? "unknown error" : complaint;
  for (auto at = text.find(file.folder_prefix + "/"); at != std::string::npos;
       at = text.find(file.folder_prefix + "/"))
    text.replace(at, file.folder_prefix.size(), file.folder.native());
  return text;
}

template <typename Table>
bool reaches(const Table* table, std::size_t end) {
  return table != nullptr && table->size >= end;
}

/// Whether the functions of a class are those of its kind in version 1 of the ABI, and none is missing that
/// may not be.
bool is_complete(const nk_class& one) {
  switch (one.kind) {
    case NK_CLASS_PROVISIONER: {
      const auto* const table = static_cast<const nk_provisioner_functions*>(one.functions);
      return reaches(table, offsetof(nk_provisioner_functions, complete_connection) +
                                sizeof(table->complete_connection)) &&
             table->destroy && table->launch_kernel && table->wait && table->send_signal &&
             table->terminate && table->kill;
    }
    case NK_CLASS_CLIENT: {
      const auto* const table = static_cast<const nk_client_functions*>(one.functions);
      return reaches(table, offsetof(nk_client_functions, silent_milliseconds) +
                                sizeof(table->silent_milliseconds)) &&
             table->destroy && table->connect && table->disconnect && table->send && table->control_request;
    }
    case NK_CLASS_LISTENER: {
      const auto* const table = static_cast<const nk_listener_functions*>(one.functions);
      return reaches(table, offsetof(nk_listener_functions, on_lost) + sizeof(table->on_lost)) &&
             table->destroy && table->on_message;
    }
    default:
      return false;
  }
}

constexpr std::size_t class_size = offsetof(nk_class, create) + sizeof(nk_class::create);
constexpr std::size_t plugin_size = offsetof(nk_plugin, class_count) + sizeof(nk_plugin::class_count);
// Behind it stands what older plugins do not have.
constexpr std::size_t refusal_end = offsetof(nk_plugin, refusal) + sizeof(nk_plugin::refusal);
// What every version of the ABI starts with.
constexpr std::size_t version_end = offsetof(nk_plugin, abi_version) + sizeof(nk_plugin::abi_version);

}  // namespace

Result<PluginLibrary> PluginLibrary::load(const PluginManifest& manifest, const nk_host& host) {
  const auto description = fmt::format("{} ({})", manifest.describe(), manifest.library.native());
  const auto refuse = [&description](const auto& why) {
    return make_error(ErrorCode::unavailable, "The library of {} cannot be loaded: {}", description, why);
  };
  if (manifest.library.empty()) return refuse("its manifest names none");
  const auto file = open_library(manifest.library);
  if (!file) return refuse(file.error().message);
  // Local, so that libraries do not find each other's symbols; now, so that what is missing is told here and
  // does not end the server later.
  const auto before = BeforeLoading::now();
  void* const handle = ::dlopen(file->path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return refuse(loader_complaint(*file));
  if (const auto detached = detach_from_files(file->folder, before); !detached)
    log_debug("{} depends on its file while it is in use: {}", description, detached.error().message);
  void* const symbol = ::dlsym(handle, NK_PLUGIN_ENTRY_NAME);
  if (symbol == nullptr)
    return refuse(fmt::format("it does not export {}: is it a plugin? NEXTGEN_KERNELS_PLUGIN(...) defines it",
                              NK_PLUGIN_ENTRY_NAME));
  const nk_plugin* plugin = nullptr;
  try {
    plugin = reinterpret_cast<nk_plugin_entry>(symbol)(&host);
  } catch (...) {
    return refuse(NK_PLUGIN_ENTRY_NAME " threw an exception");
  }
  if (!reaches(plugin, version_end)) return refuse(NK_PLUGIN_ENTRY_NAME " returned nothing of use");
  if (plugin->abi_version != NK_ABI_VERSION)
    return refuse(
        fmt::format("it was built for version {} of the plugin ABI, and this program has version {}: install "
                    "a build of {} for it",
                    plugin->abi_version, NK_ABI_VERSION, manifest.package));
  if (!reaches(plugin, plugin_size)) return refuse(NK_PLUGIN_ENTRY_NAME " returned an incomplete table");
  if (reaches(plugin, refusal_end) && plugin->refusal.size > 0) return refuse(view(plugin->refusal));
  return PluginLibrary(description, plugin);
}

Result<const nk_class*> PluginLibrary::find_class(const PluginClass& declared) const {
  const auto kind = declared.kind == PluginClassKind::provisioner ? NK_CLASS_PROVISIONER
                    : declared.kind == PluginClassKind::client    ? NK_CLASS_CLIENT
                                                                  : NK_CLASS_LISTENER;
  std::vector<std::string> others;
  for (const auto* one : std::span(plugin_->classes, plugin_->class_count)) {
    if (!reaches(one, class_size)) continue;
    const auto reference = ClassReference::parse(view(one->reference));
    if (!reference || *reference != declared.reference) {
      others.emplace_back(view(one->reference));
      continue;
    }
    if (one->kind != kind)
      return make_error(ErrorCode::unavailable,
                        "The manifest of {} says that {} is a {}, and its library that it is something else",
                        description_, declared.reference, to_string(declared.kind));
    if (one->create == nullptr || !is_complete(*one))
      return make_error(ErrorCode::unavailable, "Class {} of {} is incomplete: functions of it are missing",
                        declared.reference, description_);
    return one;
  }
  return make_error(ErrorCode::unavailable,
                    "The manifest of {} declares class {}, which its library does not have. It has: {}",
                    description_, declared.reference,
                    others.empty() ? std::string("none") : fmt::format("{}", fmt::join(others, ", ")));
}

std::string PluginLibrary::sdk_version() const {
  return std::string(view(plugin_->sdk_version));
}

}  // namespace nextgen_kernels
