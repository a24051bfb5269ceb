#include "synthetic_kernel/command.h"

#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "synthetic_kernel/stream_messages.h"

namespace nextgen_kernels::synthetic {
namespace {

/// Keeps a mistyped size from asking for all memory: a message is made in one piece.
constexpr std::uint64_t max_text_size = std::uint64_t{256} << 20;
constexpr std::uint64_t max_buffers = 100'000;
constexpr std::uint64_t max_number = 1'000'000'000;

constexpr std::string_view known_commands =
    "echo, print TEXT, flood COUNT SIZE, flood-rate COUNT SIZE PER_SECOND, buffers COUNT SIZE, "
    "sleep MILLISECONDS, lose-reply MILLISECONDS, input PROMPT, bad-signature COUNT, short-frames COUNT, die "
    "STATUS, "
    "raise-signal NUMBER";

using Numbers = std::vector<std::uint64_t>;

Result<Numbers> parse_numbers(std::string_view name, std::string_view arguments, std::size_t count) {
  Numbers numbers;
  for (const auto word : split(arguments, ' ')) {
    if (word.empty()) continue;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size() || number > max_number)
      return make_error(ErrorCode::invalid_argument, "{}: \"{}\" is not a whole number up to {}", name, word,
                        max_number);
    numbers.push_back(number);
  }
  if (numbers.size() != count)
    return make_error(ErrorCode::invalid_argument, "{} takes {} numbers, not {}", name, count,
                      numbers.size());
  return numbers;
}

Result<Command> make_flood(std::string_view name, const Numbers& numbers) {
  const auto text_size = numbers[1];
  if (text_size < StreamMessages::min_text_size || text_size > max_text_size)
    return make_error(ErrorCode::invalid_argument, "{}: SIZE must be from {} to {}", name,
                      StreamMessages::min_text_size, max_text_size);
  FloodCommand flood{.count = numbers[0], .text_size = text_size, .per_second = std::nullopt};
  if (numbers.size() == 3) {
    if (numbers[2] == 0) return make_error(ErrorCode::invalid_argument, "{}: PER_SECOND must not be 0", name);
    flood.per_second = numbers[2];
  }
  return flood;
}

Result<Command> make_buffers(const Numbers& numbers) {
  if (numbers[0] > max_buffers || numbers[0] * numbers[1] > max_text_size)
    return make_error(ErrorCode::invalid_argument, "buffers: at most {} of them, {} bytes in all",
                      max_buffers, max_text_size);
  return BuffersCommand{.count = numbers[0], .size = numbers[1]};
}

Result<Command> make_numeric_command(std::string_view name, const Numbers& numbers) {
  if (name == "flood" || name == "flood-rate") return make_flood(name, numbers);
  if (name == "buffers") return make_buffers(numbers);
  if (name == "sleep") return SleepCommand{std::chrono::milliseconds(numbers[0])};
  if (name == "lose-reply") return LoseReplyCommand{std::chrono::milliseconds(numbers[0])};
  if (name == "bad-signature") return BadSignatureCommand{numbers[0]};
  if (name == "short-frames") return ShortFramesCommand{numbers[0]};
  if (name == "die") return DieCommand{static_cast<int>(numbers[0])};
  return RaiseSignalCommand{static_cast<int>(numbers[0])};
}

std::optional<std::size_t> number_count(std::string_view name) {
  if (name == "flood" || name == "buffers") return 2;
  if (name == "flood-rate") return 3;
  if (name == "sleep" || name == "lose-reply" || name == "bad-signature" || name == "short-frames" ||
      name == "die" || name == "raise-signal")
    return 1;
  return std::nullopt;
}

}  // namespace

Result<Command> parse_command(std::string_view code) {
  const auto text = trim(code);
  const auto space = text.find(' ');
  const auto name = text.substr(0, space);
  const auto arguments = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  if (name == "echo" && arguments.empty()) return EchoCommand{};
  if (name == "print") return PrintCommand{std::string(arguments)};
  if (name == "input") return InputCommand{std::string(arguments)};
  const auto count = number_count(name);
  if (!count)
    return make_error(ErrorCode::invalid_argument, "unknown command \"{}\"; known are: {}", text,
                      known_commands);
  const auto numbers = parse_numbers(name, arguments, *count);
  if (!numbers) return std::unexpected(numbers.error());
  return make_numeric_command(name, *numbers);
}

}  // namespace nextgen_kernels::synthetic
