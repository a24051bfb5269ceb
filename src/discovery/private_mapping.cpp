#include "discovery/private_mapping.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file_descriptor.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

/// A line of /proc/self/maps that is about a file (proc(5)).
struct MappedRegion {
  std::uintptr_t start = 0;
  std::uintptr_t end = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  std::string device;
  std::uint64_t inode = 0;
  std::string path;

  std::size_t size() const { return end - start; }
  std::byte* address() const {
    return reinterpret_cast<std::byte*>(start);  // NOLINT(performance-no-int-to-ptr): the system's text.
  }
};

template <typename Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Takes the next word off the text.
std::string_view take_word(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

/// Nothing for memory without a file, and for a mapping that is shared: its content is meant to change.
std::optional<MappedRegion> parse_region(std::string_view line) {
  const auto addresses = split(take_word(line), '-');
  const auto permissions = take_word(line);
  take_word(line);  // The offset in the file.
  MappedRegion region;
  region.device = take_word(line);
  const auto inode = parse_number<std::uint64_t>(take_word(line), 10);
  if (addresses.size() != 2 || permissions.size() != 4 || permissions[3] != 'p' || inode.value_or(0) == 0)
    return std::nullopt;
  const auto start = parse_number<std::uintptr_t>(addresses[0], 16);
  const auto end = parse_number<std::uintptr_t>(addresses[1], 16);
  if (!start || !end) return std::nullopt;
  region.start = *start;
  region.end = *end;
  region.readable = permissions[0] == 'r';
  region.writable = permissions[1] == 'w';
  region.executable = permissions[2] == 'x';
  region.inode = *inode;
  region.path = trim(line);
  return region;
}

std::vector<MappedRegion> mapped_regions() {
  std::vector<MappedRegion> regions;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (auto region = parse_region(line)) regions.push_back(*std::move(region));
  return regions;
}

std::set<std::string> running_threads() {
  std::set<std::string> threads;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/task", error), end; !error && entry != end;
       entry.increment(error))
    threads.insert(entry->path().filename());
  return threads;
}

/// Puts a copy in the place of a region; for others that is one step. Nobody may write to it meanwhile. A
/// copy of its own of each page would not do: the system takes those away, too, when the file is truncated.
Result<void> replace_by_copy(const MappedRegion& region) {
  const FileDescriptor copy(::memfd_create("plugin", MFD_CLOEXEC));
  if (copy.get() < 0) return make_errno_error("create memory for", region.path, errno);
  for (std::size_t done = 0; done < region.size();) {
    // Not by `write`, of which sanitizers think that it reads an array.
    const auto count = ::syscall(SYS_write, copy.get(), region.address() + done, region.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return make_errno_error("copy", region.path, count < 0 ? errno : EIO);
    done += static_cast<std::size_t>(count);
  }
  const int protection = PROT_READ | (region.writable ? PROT_WRITE : 0) | (region.executable ? PROT_EXEC : 0);
  const void* const mapped =
      ::mmap(region.address(), region.size(), protection, MAP_PRIVATE | MAP_FIXED, copy.get(), 0);
  if (mapped == MAP_FAILED) return make_errno_error("map a copy of", region.path, errno);
  return {};
}

}  // namespace

BeforeLoading BeforeLoading::now() {
  BeforeLoading found{.files = {}, .threads = running_threads()};
  for (auto& region : mapped_regions()) found.files.emplace(std::move(region.device), region.inode);
  return found;
}

Result<void> detach_from_files(const std::filesystem::path& folder, const BeforeLoading& before) {
  const auto start = folder.native() + "/";
  const bool has_new_threads = !std::ranges::includes(before.threads, running_threads());
  Result<void> detached;
  for (const auto& region : mapped_regions()) {
    if (!region.readable || !region.path.starts_with(start) ||
        before.files.contains({region.device, region.inode}))
      continue;
    if (region.writable && has_new_threads)
      detached = make_error(ErrorCode::unavailable, "{}: it may have started threads, which may write to it",
                            region.path);
    else if (auto replaced = replace_by_copy(region); !replaced)
      return replaced;
  }
  return detached;
}

}  // namespace nextgen_kernels
