#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_stamp.h"

namespace nextgen_kernels {

/// Loads the library of a plugin in a short-lived process first, because its initializers can throw, crash,
/// exit or hang, and each of these would end or stop the process that loads it.
///
/// That process is the program itself with a command of its own, `try-plugin-library LIBRARY`: it loads the
/// library as the server would, writes `survived` to its standard output and ends. Once for a file, as long
/// as the file does not change. For any thread; blocks until the trial is over.
class LibraryTrial {
 public:
  static constexpr std::string_view command = "try-plugin-library";
  static constexpr std::string_view survived = "The process survived the library.\n";

  /// `program` has the command.
  explicit LibraryTrial(std::filesystem::path program,
                        std::chrono::milliseconds time_limit = std::chrono::seconds(10))
      : program_(std::move(program)), time_limit_(time_limit) {}

  /// What the library did to the process that loaded it, in words. Nothing when the process survived, which
  /// says nothing else: the library may still have no class of use.
  std::optional<std::string> problem_of(const std::filesystem::path& library);

 private:
  /// The trials of one library; whoever asks during one waits for it.
  struct Trials {
    std::mutex mutex;
    FileStamp stamp = {};
    std::optional<std::string> problem = {};
    bool done = false;
  };
  std::shared_ptr<Trials> trials_of(const std::filesystem::path& library);
  std::optional<std::string> try_library(const std::filesystem::path& library) const;

  std::filesystem::path program_;
  std::chrono::milliseconds time_limit_;
  std::mutex mutex_;
  std::map<std::filesystem::path, std::shared_ptr<Trials>> trials_;
};

}  // namespace nextgen_kernels
