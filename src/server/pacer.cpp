#include "server/pacer.h"

#include <algorithm>

namespace nextgen_kernels {
namespace {

using Seconds = std::chrono::duration<double>;

double capacity(double rate, const PaceSettings& settings) {
  return std::max(1.0, rate * Seconds(settings.window).count());
}

}  // namespace

Pacer::Pacer(PaceSettings settings, Clock::time_point now)
    : settings_(settings),
      messages_(capacity(settings.messages_per_second, settings)),
      bytes_(capacity(settings.bytes_per_second, settings)),
      filled_at_(now) {}

std::size_t Pacer::allowed(std::size_t wanted, Clock::time_point now) {
  if (!enabled()) return wanted;
  const auto seconds = Seconds(now - filled_at_).count();
  filled_at_ = now;
  const auto fill = [&](double& bucket, double rate) {
    bucket = std::min(bucket + rate * seconds, capacity(rate, settings_));
  };
  fill(messages_, settings_.messages_per_second);
  fill(bytes_, settings_.bytes_per_second);
  if (settings_.bytes_per_second > 0 && bytes_ <= 0) return 0;
  if (settings_.messages_per_second > 0) wanted = std::min(wanted, static_cast<std::size_t>(messages_));
  return wanted;
}

void Pacer::spend(std::size_t messages, std::size_t bytes) {
  messages_ -= static_cast<double>(messages);
  bytes_ -= static_cast<double>(bytes);
}

Pacer::Clock::duration Pacer::delay() const {
  double seconds = 0;
  if (settings_.messages_per_second > 0)
    seconds = std::max(seconds, (1 - messages_) / settings_.messages_per_second);
  if (settings_.bytes_per_second > 0) seconds = std::max(seconds, (1 - bytes_) / settings_.bytes_per_second);
  // Not for every single one that becomes possible.
  const auto delay = std::max(Seconds(seconds), Seconds(0.01));
  return std::chrono::duration_cast<Clock::duration>(delay);
}

}  // namespace nextgen_kernels
