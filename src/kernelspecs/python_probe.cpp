#include "kernelspecs/python_probe.h"

#include <string_view>

#include "base/run_program.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

std::string last_line(std::string_view text) {
  text = trim(text);
  const auto newline = text.rfind('\n');
  return std::string(newline == std::string_view::npos ? text : trim(text.substr(newline + 1)));
}

}  // namespace

Result<std::string> run_python(const std::filesystem::path& python, const std::string& script,
                               std::chrono::milliseconds timeout) {
  auto run = run_program({python.string(), "-c", script}, timeout);
  if (!run) return std::unexpected(run.error());
  if (run->succeeded()) return std::move(run->output);
  if (run->timed_out)
    return make_error(ErrorCode::timeout, "{} did not finish within {} ms", python.string(), timeout.count());
  const auto reason = last_line(run->errors);
  return make_error(ErrorCode::unavailable, "{} {}{}{}", python.string(), run->describe_end(),
                    reason.empty() ? "" : ": ", reason);
}

}  // namespace nextgen_kernels
