#include "discovery/library_trial.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/run_program.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t longest_complaint = 500;

/// What a process wrote last, in one line.
std::string in_one_line(std::string_view text) {
  text = trim(text);
  if (text.size() > longest_complaint) text.remove_prefix(text.size() - longest_complaint);
  std::string line;
  for (const auto piece : split(text, '\n')) {
    const auto words = trim(piece);
    if (words.empty()) continue;
    if (!line.empty()) line += ' ';
    line += words;
  }
  return printable(replace_invalid_utf8(line));
}

}  // namespace

std::shared_ptr<LibraryTrial::Trials> LibraryTrial::trials_of(const std::filesystem::path& library) {
  const std::lock_guard lock(mutex_);
  auto& trials = trials_[library];
  if (trials == nullptr) trials = std::make_shared<Trials>();
  return trials;
}

std::optional<std::string> LibraryTrial::problem_of(const std::filesystem::path& library) {
  const auto trials = trials_of(library);
  const std::lock_guard lock(trials->mutex);
  const auto stamp = stamp_of(library);
  if (!stamp) return std::nullopt;  // The loader says what is wrong with the file.
  if (trials->done && stamp->unchanged_since(trials->stamp)) return trials->problem;
  trials->problem = try_library(library);
  trials->stamp = *stamp;
  trials->done = true;
  return trials->problem;
}

std::optional<std::string> LibraryTrial::try_library(const std::filesystem::path& library) const {
  const auto run = run_program({program_.native(), std::string(command), library.native()}, time_limit_);
  if (!run) {
    log_warning("{} is loaded without a trial: {}", library.native(), run.error().message);
    return std::nullopt;
  }
  if (run->output.ends_with(survived)) return std::nullopt;
  const auto complaint = in_one_line(run->errors);
  const auto printed = complaint.empty() ? std::string() : fmt::format(". It printed: {}", complaint);
  if (run->timed_out)
    return fmt::format("its code did not return within {} ms in the process that tries libraries{}",
                       time_limit_.count(), printed);
  return fmt::format("its code ended the process that tries libraries, which {}{}", run->describe_end(),
                     printed);
}

}  // namespace nextgen_kernels
