#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// A JSON value and where it stands in its document, as `classes[1].bases[0]`; `value` is null for a member
/// that is not there. The document outlives it.
struct JsonPlace {
  const nlohmann::json* value;
  std::string path;

  explicit operator bool() const { return value != nullptr; }
  JsonPlace member(std::string_view name) const;
  JsonPlace element(std::size_t index) const;
};

/// Takes a JSON document apart, with strict types. Its functions return what they read, or an empty value
/// when that is not there or wrong. The first error is kept, and names the place; what is read after it does
/// not count. A value type of one reading.
class JsonReader {
 public:
  /// A value's name in a document, with what it means.
  template <typename Named>
  using Names = std::span<const std::pair<std::string_view, Named>>;

  const std::optional<std::string>& error() const { return error_; }
  /// What is odd but stops nothing, one sentence each.
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (!error_) error_ = fmt::format(format, std::forward<Args>(args)...);
  }

  bool expect(const JsonPlace& place, bool fits, std::string_view wanted);
  bool expect_object(const JsonPlace& place) { return expect(place, place.value->is_object(), "an object"); }

  /// Members of an object that are none of these are warnings, or with `refuse_others` an error.
  void warn_of_others(const JsonPlace& object, std::initializer_list<std::string_view> known);
  void refuse_others(const JsonPlace& object, std::span<const std::string_view> known);

  template <typename Function>
  void for_each_element(const JsonPlace& list, Function&& function) {
    if (!list || !expect(list, list.value->is_array(), "a list")) return;
    for (std::size_t index = 0; index < list.value->size() && !error_; ++index) function(list.element(index));
  }
  template <typename Function>
  void for_each_member(const JsonPlace& object, Function&& function) {
    if (!object || !expect_object(object)) return;
    for (const auto& [name, value] : object.value->items()) {
      if (error_) return;
      function(name, object.member(name));
    }
  }

  std::string text(const JsonPlace& place);
  std::vector<std::string> texts(const JsonPlace& list);

  /// A text that is the T it stands for.
  template <typename T>
  std::optional<T> parsed(const JsonPlace& place) {
    if (!place || !expect(place, place.value->is_string(), "a string")) return std::nullopt;
    auto result = T::parse(place.value->template get_ref<const std::string&>());
    if (result) return *std::move(result);
    fail("{}: {}", place.path, result.error().message);
    return std::nullopt;
  }
  template <typename T>
  std::vector<T> parsed_list(const JsonPlace& list) {
    std::vector<T> items;
    for_each_element(list, [&](const JsonPlace& place) {
      if (auto item = parsed<T>(place)) items.push_back(*std::move(item));
    });
    return items;
  }

  JsonPlace required_member(const JsonPlace& object, std::string_view name);
  std::string required_text(const JsonPlace& object, std::string_view name) {
    return text(required_member(object, name));
  }
  template <typename T>
  std::optional<T> required(const JsonPlace& object, std::string_view name) {
    return parsed<T>(required_member(object, name));
  }
  std::int64_t integer(const JsonPlace& place);
  bool boolean(const JsonPlace& place);

  template <typename Named>
  std::optional<Named> one_of(const JsonPlace& object, std::string_view member, Names<Named> names) {
    const auto place = required_member(object, member);
    if (!place || !expect(place, place.value->is_string(), "a string")) return std::nullopt;
    const auto& name = place.value->get_ref<const std::string&>();
    std::vector<std::string_view> known;
    for (const auto& [known_name, named] : names) {
      if (known_name == name) return named;
      known.push_back(known_name);
    }
    fail("{} must be one of {}, it is {:?}", place.path, fmt::join(known, ", "), name);
    return std::nullopt;
  }

 private:
  std::optional<std::string> error_;
  std::vector<std::string> warnings_;
};

}  // namespace nextgen_kernels
