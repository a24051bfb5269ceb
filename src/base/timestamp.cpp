#include "base/timestamp.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>

#include <fmt/format.h>

namespace nextgen_kernels {

std::string format_timestamp(Timestamp time) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(since_epoch / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, since_epoch % 1'000'000);
}

namespace {

/// Takes `digits` digits and the separator after them off the text.
std::optional<int> take_number(std::string_view& text, std::size_t digits, char separator) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + std::min(digits, text.size()), number);
  if (error != std::errc() || end != text.data() + digits || text.front() == '-') return std::nullopt;
  text.remove_prefix(digits);
  if (separator == '\0') return number;
  if (!text.starts_with(separator)) return std::nullopt;
  text.remove_prefix(1);
  return number;
}

/// Takes a fraction of a second, if there is one, off the text.
std::optional<std::chrono::nanoseconds> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return std::chrono::nanoseconds(0);
  text.remove_prefix(1);
  std::int64_t nanoseconds = 0;
  std::int64_t unit = 100'000'000;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9' && unit > 0; unit /= 10) {
    nanoseconds += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  if (unit == 100'000'000) return std::nullopt;
  return std::chrono::nanoseconds(nanoseconds);
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  // What 64 bits of nanoseconds can count from 1970 are 292 years.
  constexpr int earliest_year = 1678;
  constexpr int latest_year = 2261;
  const auto year = take_number(text, 4, '-');
  const auto month = year ? take_number(text, 2, '-') : std::nullopt;
  const auto day = month ? take_number(text, 2, 'T') : std::nullopt;
  const auto hour = day ? take_number(text, 2, ':') : std::nullopt;
  const auto minute = hour ? take_number(text, 2, ':') : std::nullopt;
  const auto second = minute ? take_number(text, 2, '\0') : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction || (!text.empty() && text != "Z" && text != "+00:00")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < earliest_year || *year > latest_year) return std::nullopt;
  const auto time = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
                    std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *fraction;
  return Timestamp(std::chrono::duration_cast<Timestamp::duration>(time));
}

std::int64_t microseconds_of(Timestamp time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

Timestamp timestamp_of(std::int64_t microseconds) {
  return Timestamp(std::chrono::duration_cast<Timestamp::duration>(std::chrono::microseconds(microseconds)));
}

}  // namespace nextgen_kernels
