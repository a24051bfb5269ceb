#include "server/refusal_log.h"

#include "base/log.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t lines_per_minute = 60;
// Of what clients say: a head may have many times as much.
constexpr std::size_t longest_text = 300;

}  // namespace

void RefusalLog::note(const HttpRequest& request, std::string_view reason, Clock::time_point now) {
  if (now - minute_began_ >= std::chrono::minutes(1)) {
    if (left_out_ > 0) log_warning("{} more requests were refused and are not shown", left_out_);
    minute_began_ = now;
    shown_ = left_out_ = 0;
  }
  if (shown_ == lines_per_minute) {
    ++left_out_;
    return;
  }
  ++shown_;
  log_warning("{} {}: {}", printable(request.method_name.substr(0, longest_text)),
              printable(request.path.substr(0, longest_text)), printable(reason.substr(0, longest_text)));
}

}  // namespace nextgen_kernels
