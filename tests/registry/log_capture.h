#pragma once

#include <memory>
#include <sstream>
#include <string>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/log.h"

namespace nextgen_kernels {

/// Collects what is logged while it lives.
class LogCapture {
 public:
  LogCapture() { set_log_sinks({std::make_shared<spdlog::sinks::ostream_sink_mt>(stream_)}); }
  ~LogCapture() { set_log_sinks({std::make_shared<spdlog::sinks::stderr_color_sink_mt>()}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const { return stream_.str(); }

 private:
  std::ostringstream stream_;
};

}  // namespace nextgen_kernels
