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
  const auto expressions = object_field(body, "user_expressions");
  if (!expressions) return std::unexpected(expressions.error());
  if (!*expressions) return nlohmann::json::object();
  for (const auto& [name, value] : (*expressions)->items()) {
    if (!value.is_string()) {
      return make_error(ErrorCode::invalid_argument,
                        "Field 'user_expressions' must be an object of strings: an expression is {}",
                        value.type_name());
    }
  }
  return **expressions;
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

Result<ExecuteBody> parse_execute_body(const HttpRequest& request) {
  const auto parsed = parse_json_body(request);
  if (!parsed) return std::unexpected(parsed.error());
  const auto body = parsed->value_or(nlohmann::json::object());
  if (auto known = check_names(body); !known) return std::unexpected(known.error());
  ExecuteBody result;
  const auto code = string_field(body, "code");
  if (!code) return std::unexpected(code.error());
  if (!*code) return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: code");
  result.request.code = **code;
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
