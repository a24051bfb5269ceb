#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/log.h"

namespace nextgen_kernels {

/// Collects what is logged while it lives, by any thread.
class LogCapture {
 public:
  LogCapture() { set_log_sinks({sink_}); }
  ~LogCapture() { set_log_sinks({std::make_shared<spdlog::sinks::stderr_color_sink_mt>()}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const { return sink_->text(); }

 private:
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::string text() {
      const std::lock_guard lock(mutex_);
      return text_;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      spdlog::memory_buf_t formatted;
      formatter_->format(message, formatted);
      text_.append(formatted.data(), formatted.size());
    }
    void flush_() override {}

    std::string text_;
  };

  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
};

}  // namespace nextgen_kernels
