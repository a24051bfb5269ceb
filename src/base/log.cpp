#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace nextgen_kernels {
namespace {

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = std::make_shared<spdlog::logger>(
      "nextgen-kernels", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

bool log_enabled(LogLevel level) {
  return logger()->should_log(to_spdlog(level));
}

void log_message(LogLevel level, std::string_view message) {
  logger()->log(to_spdlog(level), "{}", message);
}

void set_log_level(LogLevel level) {
  logger()->set_level(to_spdlog(level));
}

void set_log_sinks(std::vector<std::shared_ptr<spdlog::sinks::sink>> sinks) {
  const auto level = logger()->level();
  logger() = std::make_shared<spdlog::logger>("nextgen-kernels", sinks.begin(), sinks.end());
  logger()->set_level(level);
  logger()->flush_on(spdlog::level::info);
}

}  // namespace nextgen_kernels
