#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace spdlog {
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace nextgen_kernels {

enum class LogLevel { debug, info, warning, error };

/// True when a record of this level would be written; guards arguments that are costly to make.
bool log_enabled(LogLevel level);

/// Writes one record. Thread safe. Never pass a secret.
void log_message(LogLevel level, std::string_view message);

/// Records below this level are not written. The default is `info`.
void set_log_level(LogLevel level);

/// Replaces where records go; the default is standard error. Called once at start-up, before threads exist.
void set_log_sinks(std::vector<std::shared_ptr<spdlog::sinks::sink>> sinks);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::debug))
    log_message(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::info))
    log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::warning))
    log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::error))
    log_message(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace nextgen_kernels
