#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "fuzzing.h"
#include "runtime/oom_kills.h"

using namespace nextgen_kernels;

namespace {

namespace fs = std::filesystem;

/// A directory in memory that stands for `/`.
class Root {
 public:
  Root() : path_("/dev/shm/nextgen-kernels-fuzz-" + std::to_string(getpid())) {
    fs::create_directories(path_ / "proc/self");
    fs::create_directories(path_ / "sys/fs/cgroup/memory");
  }
  ~Root() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

// The input's pieces: /proc/self/cgroup, then the files that may have the count.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Root root;
  const std::vector<const char*> names = {"proc/self/cgroup", "sys/fs/cgroup/memory.events",
                                          "sys/fs/cgroup/memory/memory.oom_control", "proc/vmstat"};
  auto pieces = split_input(as_text(data, size));
  pieces.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    std::ofstream(root.path() / names[i], std::ios::binary) << pieces[i];
  if (const auto kills = read_oom_kills(root.path())) require(!kills->source.empty());
  return 0;
}
