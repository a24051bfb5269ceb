#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nextgen_kernels {

enum class JsonVerdict : std::uint8_t {
  valid,     ///< Valid JSON as it is.
  repaired,  ///< Was not, but what was wrong is known and was replaced.
  broken,    ///< Beyond repair.
};

struct JsonRepair {
  JsonVerdict verdict = JsonVerdict::broken;
  std::string text;  ///< The repaired text; empty for the other verdicts.
};

/// Checks a JSON text and replaces what kernels are known to get wrong and browsers refuse: `NaN`, `Infinity`
/// and
/// `-Infinity` become null; invalid UTF-8 (a cut or Latin-1 byte, an encoded surrogate) and escaped lone
/// surrogates become U+FFFD; raw control characters in strings are escaped. Needs no memory but the repaired
/// text and one bit for each level of nesting, whatever the size of the input.
JsonRepair repair_json(std::string_view text);

}  // namespace nextgen_kernels
