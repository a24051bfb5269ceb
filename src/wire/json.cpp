#include "wire/json.h"

#include <cstring>
#include <expected>
#include <memory>

#include <simdjson.h>

#include "wire/json_repair.h"

namespace nextgen_kernels {
namespace {

namespace ondemand = simdjson::ondemand;

/// Parsers and scratch memory grow with the largest text they see; each thread keeps its own up to this size,
/// larger texts pay for memory of their own.
constexpr std::size_t kept_size = 256 * 1024;

/// A copy of a text followed by the readable bytes simdjson asks for.
class PaddedCopy {
 public:
  explicit PaddedCopy(std::string_view text) : text_(text) {
    char* bytes = nullptr;
    if (text.size() <= kept_size) {
      thread_local const auto kept =
          std::make_unique_for_overwrite<char[]>(kept_size + simdjson::SIMDJSON_PADDING);
      bytes = kept.get();
    } else {
      own_ = std::make_unique_for_overwrite<char[]>(text.size() + simdjson::SIMDJSON_PADDING);
      bytes = own_.get();
    }
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
    std::memset(bytes + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    bytes_ = bytes;
  }

  simdjson::padded_string_view view() const {
    return simdjson::padded_string_view(bytes_, text_.size(), text_.size() + simdjson::SIMDJSON_PADDING);
  }

  /// The part of the original text that a part of the copy stands for.
  std::string_view original(std::string_view part) const {
    return text_.substr(static_cast<std::size_t>(part.data() - bytes_), part.size());
  }

 private:
  std::string_view text_;
  std::unique_ptr<char[]> own_;
  const char* bytes_ = nullptr;
};

template <typename Parser>
Parser& kept_parser() {
  thread_local Parser parser;
  return parser;
}

std::string_view trim_json_space(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

/// The raw text of a value, as it stands in the parsed copy.
simdjson::simdjson_result<std::string_view> raw_value(ondemand::value& value, ondemand::json_type type) {
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) return error;
    return object.raw_json();
  }
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return error;
    return array.raw_json();
  }
  return value.raw_json_token();
}

template <typename T>
using Parsed = std::expected<T, simdjson::error_code>;

Parsed<std::string_view> read_key(ondemand::field& field, const PaddedCopy& copy) {
  const char* const begin = field.key().raw();
  const char* end = begin;
  while (*end != '"' && *end != '\\') ++end;
  if (*end == '"') return copy.original({begin, static_cast<std::size_t>(end - begin)});
  std::string_view decoded;
  if (const auto error = field.unescaped_key().get(decoded)) return std::unexpected(error);
  return decoded;
}

Parsed<JsonMember> read_member(ondemand::field& field, const PaddedCopy& copy) {
  const auto key = read_key(field, copy);
  if (!key) return std::unexpected(key.error());
  auto& value = field.value();
  ondemand::json_type type{};
  if (const auto error = value.type().get(type)) return std::unexpected(error);
  std::string_view raw;
  if (const auto error = raw_value(value, type).get(raw)) return std::unexpected(error);
  JsonMember member{.key = *key, .value = copy.original(trim_json_space(raw)), .string = {}};
  if (type != ondemand::json_type::string) return member;
  member.escaped = member.value.contains('\\');
  if (!member.escaped) {
    member.string = member.value.substr(1, member.value.size() - 2);
    return member;
  }
  std::string_view decoded;
  if (const auto error = value.get_string().get(decoded)) return std::unexpected(error);
  member.string = decoded;
  return member;
}

/// Walks the members of valid JSON; what on-demand parsing skips, it does not validate.
simdjson::error_code walk(ondemand::parser& parser, const PaddedCopy& copy,
                          void (*visit)(void*, const JsonMember&), void* context) {
  ondemand::document document;
  if (const auto error = parser.iterate(copy.view()).get(document)) return error;
  ondemand::object object;
  if (const auto error = document.get_object().get(object)) return error;
  for (auto item : object) {
    ondemand::field field;
    if (const auto error = std::move(item).get(field)) return error;
    const auto member = read_member(field, copy);
    if (!member) return member.error();
    visit(context, *member);
  }
  return simdjson::SUCCESS;
}

/// Its "no" may only mean that a number or the nesting is beyond its range.
bool is_valid_by_simdjson(std::string_view text) {
  if (text.size() > kept_size) return false;
  const PaddedCopy copy(text);
  const auto view = copy.view();
  return kept_parser<simdjson::dom::parser>().parse(view.data(), view.size(), false).error() ==
         simdjson::SUCCESS;
}

}  // namespace

Result<void> detail::visit_members(std::string_view object, void (*visit)(void*, const JsonMember&),
                                   void* context) {
  if (!is_valid_json(object)) return make_error(ErrorCode::protocol, "not a JSON object: it is malformed");
  const PaddedCopy copy(object);
  ondemand::parser large;
  auto& parser = object.size() <= kept_size ? kept_parser<ondemand::parser>() : large;
  if (const auto error = walk(parser, copy, visit, context))
    return make_error(ErrorCode::protocol, "not a JSON object: {}", simdjson::error_message(error));
  return {};
}

bool is_valid_json(std::string_view text) {
  return is_valid_by_simdjson(text) || repair_json(text).verdict == JsonVerdict::valid;
}

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string quote_json(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string quoted;
  quoted.reserve(text.size() + 2);
  quoted += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (const auto value = static_cast<unsigned char>(c); value < 0x20) {
      quoted += "\\u00";
      quoted += hex[value >> 4];
      quoted += hex[value & 15];
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

bool nests_deeper_than(std::string_view json, std::size_t depth) {
  std::size_t open = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '[' || c == '{') && ++open > depth) return true;
    if ((c == ']' || c == '}') && open > 0) --open;
  }
  return false;
}

}  // namespace nextgen_kernels
