#include "server/execute_body.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "server/json_fields.h"

namespace nextgen_kernels {
namespace {

constexpr double longest_timeout = 366.0 * 24 * 3600;
constexpr std::size_t longest_cell_id = 255;
constexpr std::size_t most_members = 1000;

/// Keeps of a JSON text what a body may hold: single values, and objects of such, in an object. What lies
/// deeper is dropped, but that it was there shows, as an empty array or object.
class ShallowReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  nlohmann::json take() { return std::move(root_); }
  bool has_too_many_members() const { return members_ > most_members; }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON has none.
  bool start_object(std::size_t) override { return open(nlohmann::json::object()); }
  bool start_array(std::size_t) override { return open(nlohmann::json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

  bool key(string_t& name) override {
    if (depth_ > 2) return true;
    key_ = std::move(name);
    return ++members_ <= most_members;
  }

 private:
  bool put(nlohmann::json value) {
    if (depth_ == 0)
      root_ = std::move(value);
    else if (depth_ <= 2 && inner_->is_object())
      (*inner_)[key_] = std::move(value);
    return true;
  }

  bool open(nlohmann::json container) {
    put(std::move(container));
    ++depth_;
    if (depth_ == 1) inner_ = &root_;
    if (depth_ == 2 && root_.is_object()) inner_ = &root_[key_];
    return true;
  }

  bool close() {
    --depth_;
    if (depth_ == 1) inner_ = &root_;
    return true;
  }

  nlohmann::json root_;
  nlohmann::json* inner_ = nullptr;  // The object or array that lies open, of the two that are kept.
  std::string key_;
  std::size_t depth_ = 0;
  std::size_t members_ = 0;
};

Result<nlohmann::json> read_object(std::string_view text) {
  if (trim(text).empty()) return nlohmann::json::object();
  ShallowReader reader;
  const bool valid = nlohmann::json::sax_parse(text, &reader);
  if (reader.has_too_many_members())
    return make_error(ErrorCode::invalid_argument,
                      "The JSON in the body of the request has more than {} fields", most_members);
  if (!valid) return make_error(ErrorCode::invalid_argument, "Invalid JSON in body of request");
  auto body = reader.take();
  if (body.is_null()) return nlohmann::json::object();
  if (!body.is_object())
    return make_error(ErrorCode::invalid_argument,
                      "The JSON in the body of the request must be an object, not {}", body.type_name());
  return body;
}

Result<void> check_names(const nlohmann::json& body) {
  static const std::vector<std::string> names = {
      "code",          "silent",  "store_history", "user_expressions", "allow_stdin",
      "stop_on_error", "timeout", "on_disconnect", "cell_id"};
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const auto meant = closest_match(name, names);
    return make_error(ErrorCode::invalid_argument, "There is no field '{}'.{}", printable(name.substr(0, 64)),
                      meant ? fmt::format(" Did you mean '{}'?", *meant) : "");
  }
  return {};
}

Result<nlohmann::json> read_user_expressions(const nlohmann::json& body) {
  auto expressions = object_field(body, "user_expressions");
  if (!expressions) return std::unexpected(expressions.error());
  if (!*expressions) return nlohmann::json::object();
  for (const auto& [name, value] : (*expressions)->items()) {
    if (!value.is_string()) {
      return make_error(ErrorCode::invalid_argument,
                        "Field 'user_expressions' must be an object of strings: an expression is {}",
                        value.type_name());
    }
  }
  return std::move(**expressions);
}

using Timeout = std::optional<std::chrono::steady_clock::duration>;

Result<Timeout> read_timeout(const nlohmann::json& body) {
  const auto member = body.find("timeout");
  if (member == body.end() || member->is_null()) return Timeout();
  const auto seconds = member->is_number() ? member->get<double>() : 0;
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > longest_timeout) {
    return make_error(ErrorCode::invalid_argument,
                      "Field 'timeout' must be a number of seconds, more than 0 and at most {}",
                      longest_timeout);
  }
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

Result<OnDisconnect> read_on_disconnect(const nlohmann::json& body) {
  const auto text = string_field(body, "on_disconnect");
  if (!text) return std::unexpected(text.error());
  const auto choice = text->value_or("continue");
  if (choice == "continue") return OnDisconnect::go_on;
  if (choice == "cancel") return OnDisconnect::cancel;
  return make_error(ErrorCode::invalid_argument, "Field 'on_disconnect' must be \"continue\" or \"cancel\"");
}

Result<void> read_flags(const nlohmann::json& body, ExecutionRequest& request) {
  for (auto [name, flag] : {std::pair{"silent", &request.silent},
                            {"store_history", &request.store_history},
                            {"stop_on_error", &request.stop_on_error}}) {
    const auto value = bool_field(body, name);
    if (!value) return std::unexpected(value.error());
    *flag = value->value_or(*flag);
  }
  const auto allow_stdin = bool_field(body, "allow_stdin");
  if (!allow_stdin) return std::unexpected(allow_stdin.error());
  if (allow_stdin->value_or(false)) {
    return make_error(
        ErrorCode::invalid_argument,
        "Field 'allow_stdin' must be false: nobody is there to answer. Use a WebSocket for code "
        "that asks for input");
  }
  return {};
}

}  // namespace

Result<ExecuteBody> parse_execute_body(std::string_view text) {
  auto parsed = read_object(text);
  if (!parsed) return std::unexpected(parsed.error());
  auto& body = *parsed;
  if (auto known = check_names(body); !known) return std::unexpected(known.error());
  ExecuteBody result;
  auto code = string_field(body, "code");
  if (!code) return std::unexpected(code.error());
  if (!*code) return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: code");
  body.erase("code");  // It may be large.
  result.request.code = std::move(**code);
  if (auto read = read_flags(body, result.request); !read) return std::unexpected(read.error());
  auto expressions = read_user_expressions(body);
  if (!expressions) return std::unexpected(expressions.error());
  result.request.user_expressions = std::move(*expressions);
  const auto timeout = read_timeout(body);
  if (!timeout) return std::unexpected(timeout.error());
  result.request.timeout = *timeout;
  const auto cell_id = string_field(body, "cell_id");
  if (!cell_id) return std::unexpected(cell_id.error());
  result.request.cell_id = cell_id->value_or("");
  if (result.request.cell_id.size() > longest_cell_id)
    return make_error(ErrorCode::invalid_argument, "Field 'cell_id' must have at most {} bytes",
                      longest_cell_id);
  const auto on_disconnect = read_on_disconnect(body);
  if (!on_disconnect) return std::unexpected(on_disconnect.error());
  result.on_disconnect = *on_disconnect;
  return result;
}

}  // namespace nextgen_kernels
