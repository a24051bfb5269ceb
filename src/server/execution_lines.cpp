#include "server/execution_lines.h"

#include <algorithm>

#include "wire/json.h"
#include "wire/json_repair.h"

namespace nextgen_kernels {
namespace {

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto piece = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < piece.size() ? static_cast<unsigned char>(piece[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) text += j <= piece.size() ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

/// A member of the reply that clients get as it is, when the kernel gave it.
void copy_member(nlohmann::ordered_json& to, const nlohmann::json& from, const char* name) {
  if (const auto member = from.find(name); member != from.end() && !member->is_null()) to[name] = *member;
}

}  // namespace

std::string json_on_one_line(std::string_view json) {
  std::string text(json);
  if (!is_valid_json(json)) {
    auto repair = repair_json(json);
    if (repair.verdict != JsonVerdict::repaired) return "{}";
    text = std::move(repair.text);
  }
  // In valid JSON a line break is white space between values, never part of one.
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string execution_message_line(const Message& message) {
  std::string line = R"({"type":"message","msg_type":)";
  line += quote_json(message.header_fields().msg_type);
  line += R"(,"content":)";
  line += json_on_one_line(message.content());
  if (message.metadata() != "{}") {
    line += R"(,"metadata":)";
    line += json_on_one_line(message.metadata());
  }
  for (std::size_t i = 0; i < message.buffer_count(); ++i) {
    line += i == 0 ? R"(,"buffers":[")" : R"(",")";
    line += to_base64(message.buffer(i));
  }
  line += message.buffer_count() > 0 ? "\"]}\n" : "}\n";
  return line;
}

nlohmann::ordered_json execution_result(const Execution& execution) {
  nlohmann::ordered_json result = {{"execution_id", execution.id()},
                                   {"status", to_string(execution.status())}};
  if (!execution.reason().empty()) result["reason"] = execution.reason();
  const auto& reply = execution.reply();
  result["execution_count"] = reply.value("execution_count", nlohmann::json());
  for (const auto* name : {"ename", "evalue", "traceback", "user_expressions", "payload"})
    copy_member(result, reply, name);
  return result;
}

}  // namespace nextgen_kernels
