#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/random.h"
#include "discovery/python_distributions.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// A site-packages folder with ten thousand distributions: one in ten has entry points, one in a hundred a
/// provisioner.
class LargeSite {
 public:
  LargeSite() : path_(fs::temp_directory_path() / ("nk-benchmark-" + random_hex(8))) {
    for (int i = 0; i < 10'000; ++i) {
      const auto folder = path_ / fmt::format("package_{}-1.{}.dist-info", i, i % 7);
      fs::create_directories(folder);
      std::ofstream(folder / "METADATA") << "Name: package\n";
      if (i % 10 != 0) continue;
      std::ofstream file(folder / "entry_points.txt");
      file << fmt::format("[console_scripts]\ncommand_{} = package_{}.cli:main\n", i, i);
      if (i % 100 == 0)
        file << fmt::format("[jupyter_client.kernel_provisioners]\nprovisioner-{} = package_{}:Provisioner\n",
                            i, i);
    }
  }
  LargeSite(const LargeSite&) = delete;
  LargeSite& operator=(const LargeSite&) = delete;
  ~LargeSite() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void find_ten_thousand_distributions(benchmark::State& state) {
  const LargeSite site;
  const std::vector<fs::path> path{site.path()};
  for (auto _ : state) {
    const auto found = find_python_distributions(path);
    if (found.provisioners.size() != 100) state.SkipWithError("wrong number of provisioners");
  }
}
BENCHMARK(find_ten_thousand_distributions)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nextgen_kernels
