#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "registry/class_reference.h"

namespace nextgen_kernels {

/// How objects of an interface (provisioner, kernel client) are made, by the reference of their class. The
/// application fills it before it serves; after that it is only read, from any thread.
template <typename Interface, typename... Arguments>
class ClassMakers {
 public:
  using Maker = std::function<Result<std::unique_ptr<Interface>>(Arguments...)>;

  Result<void> add(const ClassReference& reference, Maker maker) {
    if (makers_.try_emplace(reference, std::move(maker)).second) return {};
    return make_error(ErrorCode::already_exists, "Class {} already has a maker", reference);
  }

  bool contains(const ClassReference& reference) const { return makers_.contains(reference); }

  /// A new object. A constructor that throws is an error of that class, nothing more.
  Result<std::unique_ptr<Interface>> make(const ClassReference& reference, Arguments... arguments) const {
    const auto maker = makers_.find(reference);
    if (maker == makers_.end()) {
      std::vector<std::string> known;
      for (const auto& entry : makers_) known.push_back(entry.first.to_string());
      const auto meant = closest_match(reference.to_string(), known);
      return make_error(ErrorCode::not_found,
                        "Class {} cannot be created: this program does not contain it{}", reference,
                        meant ? fmt::format("; did you mean {}?", *meant) : "");
    }
    try {
      return maker->second(std::forward<Arguments>(arguments)...);
    } catch (const std::exception& exception) {
      return make_error(ErrorCode::internal, "Creating {} failed: {}", reference, exception.what());
    } catch (...) {
      return make_error(ErrorCode::internal, "Creating {} failed with something that is not an exception",
                        reference);
    }
  }

 private:
  std::unordered_map<ClassReference, Maker> makers_;
};

}  // namespace nextgen_kernels
