#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nextgen_kernels/error.h>

namespace nextgen_kernels::plugin {

/// A JSON value, for what the server and a plugin tell each other: connection info, options, contents of
/// messages. Functions throw an `Error` when the value is of another type than asked for.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  Json() = default;  ///< null
  // NOLINTBEGIN(google-explicit-constructor): values stand where a Json is wanted.
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  /// `Json::object({{"exit_code", 0}, {"signal", 9}})`
  static Json object(std::initializer_list<Object::value_type> members = {}) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> elements = {}) { return Json(Array(elements)); }

  /// Reads one JSON text (RFC 8259). The error says what is wrong, and at which byte.
  static Json parse(std::string_view text);

  /// The JSON text of the value, without white space. Numbers that JSON has not (infinity) become null.
  std::string dump() const {
    std::string text;
    write(text);
    return text;
  }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_boolean() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  /// "null", "boolean", "integer", "number", "string", "array", "object".
  std::string_view type_name() const {
    constexpr std::string_view names[] = {"null",   "boolean", "integer", "number",
                                          "string", "array",   "object"};
    return names[value_.index()];
  }

  bool as_boolean() const { return get<bool>("a boolean"); }
  std::int64_t as_integer() const { return get<std::int64_t>("an integer"); }
  double as_number() const {
    return is_integer() ? static_cast<double>(as_integer()) : get<double>("a number");
  }
  const std::string& as_string() const { return get<std::string>("a string"); }
  const Array& as_array() const { return get<Array>("an array"); }
  Array& as_array() { return const_cast<Array&>(std::as_const(*this).as_array()); }
  const Object& as_object() const { return get<Object>("an object"); }
  Object& as_object() { return const_cast<Object&>(std::as_const(*this).as_object()); }

  /// The member of an object, or null when there is none of this name.
  const Json* find(std::string_view name) const {
    const auto& members = as_object();
    const auto found = members.find(name);
    return found == members.end() ? nullptr : &found->second;
  }
  /// The member of an object. The error names it and those that there are, never their values.
  const Json& at(std::string_view name) const {
    if (const auto* member = find(name)) return *member;
    std::string names;
    for (const auto& entry : as_object()) names += (names.empty() ? "" : ", ") + entry.first;
    throw Error(ErrorCode::invalid_argument,
                "The member \"" + std::string(name) + "\" is missing; there are: " + names);
  }
  /// The member of an object, added when it is not there. A null becomes an object.
  Json& operator[](std::string_view name) {
    if (is_null()) value_ = Object();
    auto& members = as_object();
    const auto found = members.find(name);
    return found != members.end() ? found->second : members.emplace(name, Json()).first->second;
  }
  void push_back(Json element) {
    if (is_null()) value_ = Array();
    as_array().push_back(std::move(element));
  }

  bool operator==(const Json&) const = default;

 private:
  class Parser;

  template <typename T>
  const T& get(const char* wanted) const {
    if (const auto* value = std::get_if<T>(&value_)) return *value;
    throw Error(ErrorCode::invalid_argument,
                std::string("A JSON value must be ") + wanted + ", it is " + std::string(type_name()));
  }

  template <typename Number>
  static void write_number(std::string& text, Number number) {
    char digits[32];
    const std::string_view written(digits,
                                   std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
    text += written;
    // A whole number of floating point stays one.
    if (std::is_floating_point_v<Number> && written.find_first_of(".e") == std::string_view::npos)
      text += ".0";
  }
  static void write_string(std::string& text, std::string_view value) {
    constexpr char hex[] = "0123456789abcdef";
    text += '"';
    for (const char character : value) {
      if (character == '"' || character == '\\') {
        text += '\\';
        text += character;
      } else if (static_cast<unsigned char>(character) < 0x20) {
        text += "\\u00";
        text += hex[character >> 4];
        text += hex[character & 15];
      } else {
        text += character;
      }
    }
    text += '"';
  }
  void write(std::string& text) const {
    if (is_null()) {
      text += "null";
    } else if (is_boolean()) {
      text += as_boolean() ? "true" : "false";
    } else if (is_integer()) {
      write_number(text, as_integer());
    } else if (is_number()) {
      if (std::isfinite(as_number()))
        write_number(text, as_number());
      else
        text += "null";
    } else if (is_string()) {
      write_string(text, as_string());
    } else if (is_array()) {
      text += '[';
      for (const auto& element : as_array()) {
        if (&element != &as_array().front()) text += ',';
        element.write(text);
      }
      text += ']';
    } else {
      text += '{';
      for (const auto& [name, member] : as_object()) {
        if (text.back() != '{') text += ',';
        write_string(text, name);
        text += ':';
        member.write(text);
      }
      text += '}';
    }
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Takes a text apart from left to right. Deeply nested texts are refused: they could exhaust the stack.
class Json::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json read() {
    auto value = read_value(0);
    skip_space();
    if (at_ != text_.size()) fail("the text goes on after the value");
    return value;
  }

 private:
  static constexpr int max_depth = 200;

  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::invalid_argument,
                std::string("Not JSON: ") + what + " (at byte " + std::to_string(at_) + ")");
  }
  bool ended() const { return at_ == text_.size(); }
  char peek() const { return ended() ? '\0' : text_[at_]; }
  bool take(char character) {
    if (ended() || text_[at_] != character) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (!ended() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }

  Json read_value(int depth) {
    if (depth > max_depth) fail("values are nested too deeply");
    skip_space();
    if (ended()) fail("the text ends where a value is wanted");
    switch (peek()) {
      case '{':
        return read_object(depth);
      case '[':
        return read_array(depth);
      case '"':
        return read_string();
      case 't':
        return read_word("true", true);
      case 'f':
        return read_word("false", false);
      case 'n':
        return read_word("null", nullptr);
      default:
        return read_number();
    }
  }
  Json read_word(std::string_view word, Json value) {
    if (text_.substr(at_, word.size()) != word) fail("this is no value");
    at_ += word.size();
    return value;
  }
  Json read_object(int depth) {
    ++at_;
    Object members;
    skip_space();
    if (take('}')) return members;
    do {
      skip_space();
      if (peek() != '"') fail("the name of a member is wanted");
      auto name = read_string();
      skip_space();
      if (!take(':')) fail("a colon is wanted");
      members.insert_or_assign(std::move(name), read_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take('}')) fail("a comma or } is wanted");
    return members;
  }
  Json read_array(int depth) {
    ++at_;
    Array elements;
    skip_space();
    if (take(']')) return elements;
    do {
      elements.push_back(read_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take(']')) fail("a comma or ] is wanted");
    return elements;
  }

  static bool is_digit(char character) { return character >= '0' && character <= '9'; }
  void skip_digits() {
    if (!is_digit(peek())) fail(ended() ? "the text ends in a number" : "this is no value");
    while (is_digit(peek())) ++at_;
  }
  Json read_number() {
    const auto start = at_;
    bool is_whole = true;
    take('-');
    if (!take('0')) skip_digits();
    if (take('.')) {
      is_whole = false;
      skip_digits();
    }
    if (take('e') || take('E')) {
      is_whole = false;
      if (!take('-')) take('+');
      skip_digits();
    }
    const auto* first = text_.data() + start;
    const auto* last = text_.data() + at_;
    std::int64_t whole = 0;
    if (is_whole && std::from_chars(first, last, whole).ec == std::errc()) return whole;
    double number = 0;
    if (std::from_chars(first, last, number).ec != std::errc()) fail("a number is out of range");
    return number;
  }

  std::string read_string() {
    ++at_;
    std::string value;
    while (!take('"')) {
      if (ended()) fail("a string does not end");
      const char character = text_[at_++];
      if (static_cast<unsigned char>(character) < 0x20) fail("a control character stands in a string");
      if (character == '\\')
        read_escape(value);
      else
        value += character;
    }
    return value;
  }
  void read_escape(std::string& value) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return write_utf8(value, read_code_point());
    const auto index = ended() ? std::string_view::npos : names.find(peek());
    if (index == std::string_view::npos) fail("an escape is not known");
    ++at_;
    value += meanings[index];
  }
  std::uint32_t read_hex4() {
    std::uint32_t unit = 0;
    const auto digits = text_.substr(at_, 4);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != 4 || result.ec != std::errc() || result.ptr != digits.data() + 4)
      fail("an escape needs four hexadecimal digits");
    at_ += 4;
    return unit;
  }
  /// Half of a surrogate pair stands for no character: U+FFFD.
  std::uint32_t read_code_point() {
    constexpr std::uint32_t replacement = 0xFFFD;
    const auto high = read_hex4();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || text_.substr(at_, 2) != "\\u") return replacement;
    const auto after_high = at_;
    at_ += 2;
    const auto low = read_hex4();
    if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    at_ = after_high;
    return replacement;
  }
  static void write_utf8(std::string& value, std::uint32_t code_point) {
    const auto add = [&value](std::uint32_t byte) { value += static_cast<char>(byte); };
    if (code_point < 0x80) return add(code_point);
    if (code_point < 0x800) {
      add(0xC0 | code_point >> 6);
    } else {
      if (code_point < 0x10000) {
        add(0xE0 | code_point >> 12);
      } else {
        add(0xF0 | code_point >> 18);
        add(0x80 | (code_point >> 12 & 0x3F));
      }
      add(0x80 | (code_point >> 6 & 0x3F));
    }
    add(0x80 | (code_point & 0x3F));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

inline Json Json::parse(std::string_view text) {
  return Parser(text).read();
}

}  // namespace nextgen_kernels::plugin
