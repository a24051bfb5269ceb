#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "server/http_message.h"

namespace nextgen_kernels {

/// Logs which requests are refused. Anybody can send as many as they like, so that a minute has a bounded
/// number of lines, and then one that says how many there were besides. Owned by the server; on its executor.
class RefusalLog {
 public:
  using Clock = std::chrono::steady_clock;

  void note(const HttpRequest& request, std::string_view reason, Clock::time_point now = Clock::now());

 private:
  Clock::time_point minute_began_;
  std::size_t shown_ = 0;
  std::size_t left_out_ = 0;  // Of this minute.
};

}  // namespace nextgen_kernels
