#include "registry/version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}
bool is_letter(char character) {
  return character >= 'a' && character <= 'z';
}

/// Takes pieces from the front of a version's text.
class Scanner {
 public:
  explicit Scanner(std::string_view rest) : rest_(rest) {}

  bool done() const { return rest_.empty(); }

  bool take(char character) {
    if (!rest_.starts_with(character)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::uint32_t> take_number() {
    std::uint32_t number = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (code != std::errc{} || number == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }

  /// `.12`, when a digit follows the dot.
  bool at_dotted_number() const { return rest_.size() > 1 && rest_[0] == '.' && is_digit(rest_[1]); }

  /// A word with at most one separator before it; nothing is taken when there is none.
  std::string_view take_word() {
    const std::size_t start = !rest_.empty() && is_separator(rest_[0]) ? 1 : 0;
    auto end = start;
    while (end < rest_.size() && is_letter(rest_[end])) ++end;
    if (end == start) return {};
    const auto word = rest_.substr(start, end - start);
    rest_.remove_prefix(end);
    return word;
  }

  /// The number of a suffix, `1` in `rc1`, `rc.1` and `rc-1`; 0 when there is none.
  std::optional<std::uint32_t> take_suffix_number() {
    if (rest_.size() > 1 && is_separator(rest_[0]) && is_digit(rest_[1])) rest_.remove_prefix(1);
    if (rest_.empty() || !is_digit(rest_[0])) return 0;
    return take_number();
  }

  bool rest_is_local_version() {
    return take('+') && !rest_.empty() && std::ranges::all_of(rest_, [](char character) {
             return is_digit(character) || is_letter(character) || is_separator(character);
           });
  }

 private:
  static bool is_separator(char character) {
    return character == '.' || character == '-' || character == '_';
  }

  std::string_view rest_;
};

std::unexpected<Error> not_a_version(std::string_view text) {
  return make_error(
      ErrorCode::invalid_argument,
      "{:?} is not a version: write numbers joined by dots, for example \"1.2\" or \"1.2.0rc1\"",
      replace_invalid_utf8(text));
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
  const auto lower = to_lower(text);
  Scanner scanner(lower);
  Version version;
  version.text_ = text;
  scanner.take('v');
  do {
    const auto number = scanner.take_number();
    if (!number) return not_a_version(text);
    version.release_.push_back(*number);
  } while (scanner.at_dotted_number() && scanner.take('.'));
  version.written_numbers_ = version.release_.size();
  while (version.release_.size() > 1 && version.release_.back() == 0) version.release_.pop_back();

  for (auto word = scanner.take_word(); !word.empty(); word = scanner.take_word()) {
    const auto number = scanner.take_suffix_number();
    if (!number) return not_a_version(text);
    const bool nothing_follows_yet = version.post_ == 0 && version.development_ == no_development;
    if (word == "dev" && version.development_ == no_development) {
      version.development_ = *number;
    } else if ((word == "post" || word == "rev" || word == "r") && nothing_follows_yet) {
      version.post_ = std::uint64_t{*number} + 1;
    } else if (version.stage_ == Stage::final && nothing_follows_yet) {
      if (word == "a" || word == "alpha")
        version.stage_ = Stage::alpha;
      else if (word == "b" || word == "beta")
        version.stage_ = Stage::beta;
      else if (word == "rc" || word == "c" || word == "pre" || word == "preview")
        version.stage_ = Stage::candidate;
      else
        return not_a_version(text);
      version.stage_number_ = *number;
    } else {
      return not_a_version(text);
    }
  }
  if (!scanner.done() && !scanner.rest_is_local_version()) return not_a_version(text);
  // A development release of a final version precedes its alphas.
  if (version.stage_ == Stage::final && version.post_ == 0 && version.development_ != no_development)
    version.stage_ = Stage::development;
  return version;
}

std::weak_ordering operator<=>(const Version& left, const Version& right) {
  const auto key = [](const Version& version) {
    return std::tie(version.release_, version.stage_, version.stage_number_, version.post_,
                    version.development_);
  };
  return key(left) <=> key(right);
}

bool Version::has_prefix(const std::vector<std::uint32_t>& numbers) const {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if ((i < release_.size() ? release_[i] : 0) != numbers[i]) return false;
  return true;
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
  VersionRange range;
  range.text_ = trim(text);
  if (range.text_ == "*") return range;
  for (const auto piece : split(range.text_, ',')) {
    auto comparison = parse_comparison(trim(piece));
    if (!comparison) return std::unexpected(comparison.error());
    range.comparisons_.push_back(*std::move(comparison));
  }
  if (range.comparisons_.empty())
    return make_error(ErrorCode::invalid_argument,
                      "A version range is empty: write for example \">=1.2,<2\", or \"*\" for every version");
  return range;
}

Result<VersionRange::Comparison> VersionRange::parse_comparison(std::string_view text) {
  // Longer operators first.
  static constexpr std::array<std::pair<std::string_view, Operator>, 7> operators{{
      {"==", Operator::equal},
      {"!=", Operator::not_equal},
      {"<=", Operator::less_equal},
      {">=", Operator::greater_equal},
      {"~=", Operator::compatible},
      {"<", Operator::less},
      {">", Operator::greater},
  }};
  for (const auto& [spelling, named] : operators) {
    if (!text.starts_with(spelling)) continue;
    auto comparator = named;
    auto version_text = trim(text.substr(spelling.size()));
    if (version_text.ends_with(".*") &&
        (comparator == Operator::equal || comparator == Operator::not_equal)) {
      comparator = comparator == Operator::equal ? Operator::prefix : Operator::not_prefix;
      version_text.remove_suffix(2);
    }
    auto version = Version::parse(version_text);
    if (!version) return std::unexpected(version.error());
    if (comparator == Operator::compatible && version->written_numbers_ < 2)
      return make_error(ErrorCode::invalid_argument,
                        "{:?} needs at least two numbers, for example \"~=1.2\", which means \">=1.2,==1.*\"",
                        replace_invalid_utf8(text));
    return Comparison{comparator, *std::move(version)};
  }
  return make_error(
      ErrorCode::invalid_argument,
      "{:?} is not a comparison of versions: write an operator and a version, for example \">=1.2\"",
      replace_invalid_utf8(text));
}

bool VersionRange::contains(const Version& version) const {
  return std::ranges::all_of(comparisons_,
                             [&](const Comparison& comparison) { return comparison.holds_for(version); });
}

bool VersionRange::Comparison::holds_for(const Version& candidate) const {
  const auto prefix = [&](std::size_t length) {
    auto numbers = version.release_;
    numbers.resize(length, 0);
    return numbers;
  };
  const bool same_release = candidate.release_ == version.release_;
  switch (comparator) {
    case Operator::equal:
      return candidate == version;
    case Operator::not_equal:
      return candidate != version;
    case Operator::less_equal:
      return candidate <= version;
    case Operator::greater_equal:
      return candidate >= version;
    // PEP 440: "<2" is not met by "2.0rc1", nor ">1.7" by "1.7.post1".
    case Operator::less:
      return candidate < version && (version.is_prerelease() || !same_release || !candidate.is_prerelease());
    case Operator::greater:
      return candidate > version && (version.post_ != 0 || !same_release || candidate.post_ == 0);
    case Operator::compatible:
      return candidate >= version && candidate.has_prefix(prefix(version.written_numbers_ - 1));
    case Operator::prefix:
      return candidate.has_prefix(prefix(version.written_numbers_));
    case Operator::not_prefix:
      return !candidate.has_prefix(prefix(version.written_numbers_));
  }
  return false;
}

}  // namespace nextgen_kernels
