#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// The version of a class or of a connection-info contract, ordered as PEP 440 orders them: `1.0.dev1`,
/// `1.0a1`, `1.0rc1`, `1.0`, `1.0.post1`. Trailing zeros do not count (`1` equals `1.0`), nor does a local
/// part (`+build`). The semantic-versioning spellings of the same (`1.0.0-rc.1`) are read too.
class Version {
 public:
  static Result<Version> parse(std::string_view text);

  const std::string& text() const { return text_; }

  friend bool operator==(const Version& left, const Version& right) { return (left <=> right) == 0; }
  friend std::weak_ordering operator<=>(const Version& left, const Version& right);

 private:
  friend class VersionRange;

  enum class Stage : std::uint8_t { development, alpha, beta, candidate, final };

  bool has_prefix(const std::vector<std::uint32_t>& numbers) const;
  bool is_prerelease() const { return stage_ != Stage::final || development_ != no_development; }

  static constexpr auto no_development = std::numeric_limits<std::uint32_t>::max();

  std::string text_;
  std::vector<std::uint32_t> release_;  // Without trailing zeros.
  std::size_t written_numbers_ = 0;     // How many numbers the text has; `~=` and `.*` need it.
  Stage stage_ = Stage::final;
  std::uint32_t stage_number_ = 0;
  std::uint64_t post_ = 0;  // 0: not a post-release; `.postN` is N + 1.
  std::uint32_t development_ = no_development;
};

/// Which versions are understood: comparisons joined by commas, all of which must hold (`>=1.2,<2`). The
/// operators are
/// `==`, `!=`, `<`, `<=`, `>`, `>=`, `~=`, and `==1.2.*`, `!=1.2.*`, with PEP 440's meaning; `*` is every
/// version.
class VersionRange {
 public:
  static Result<VersionRange> parse(std::string_view text);

  bool contains(const Version& version) const;

  const std::string& text() const { return text_; }

  friend bool operator==(const VersionRange& left, const VersionRange& right) {
    return left.text_ == right.text_;
  }

 private:
  enum class Operator {
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    compatible,
    prefix,
    not_prefix
  };
  struct Comparison {
    Operator comparator;
    Version version;
    bool holds_for(const Version& candidate) const;
  };

  static Result<Comparison> parse_comparison(std::string_view text);

  std::string text_;
  std::vector<Comparison> comparisons_;
};

}  // namespace nextgen_kernels
