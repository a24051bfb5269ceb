#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace nextgen_kernels {

/// Texts that JSON cannot hold as they are (a path in Latin-1, in a variable of the environment): a plugin
/// sees them with what is not UTF-8 replaced, and where it gives one back unchanged it means the original.
class OriginalTexts {
 public:
  /// The text as a plugin may see it.
  std::string shown(const std::string& text) {
    auto shown = replace_invalid_utf8(text);
    if (shown != text) originals_.insert_or_assign(shown, text);
    return shown;
  }

  const std::string& restored(const std::string& shown) const {
    const auto original = originals_.find(shown);
    return original == originals_.end() ? shown : original->second;
  }

  nlohmann::json shown(const std::map<std::string, std::string>& texts) {
    auto object = nlohmann::json::object();
    for (const auto& [name, value] : texts) object[shown(name)] = shown(value);
    return object;
  }

 private:
  std::map<std::string, std::string> originals_;
};

}  // namespace nextgen_kernels
