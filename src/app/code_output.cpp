#include "app/code_output.h"

#include <cstdio>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

void write(std::FILE* file, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

/// The field as text; empty when it is none.
std::string text_of(const nlohmann::json& content, const char* field) {
  const auto value = content.find(field);
  return value != content.end() && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

CodeOutput::CodeOutput() : colour_(::isatty(STDERR_FILENO) == 1) {}

void CodeOutput::print(const Message& message) {
  const auto type = message.header_fields().msg_type;
  const auto content = nlohmann::json::parse(message.content(), nullptr, false);
  if (!content.is_object()) return;
  if (type == "stream") {
    write(text_of(content, "name") == "stderr" ? stderr : stdout, text_of(content, "text"));
  } else if (type == "execute_result" || type == "display_data") {
    const auto data = content.value("data", nlohmann::json::object());
    const auto text = text_of(data, "text/plain");
    if (!text.empty()) write(stdout, text + "\n");
  } else if (type == "error") {
    std::string text;
    for (const auto& line : content.value("traceback", nlohmann::json::array())) {
      if (line.is_string()) text += line.get<std::string>() + "\n";
    }
    if (text.empty()) text = text_of(content, "ename") + ": " + text_of(content, "evalue") + "\n";
    write(stderr, colour_ ? text : without_escapes(text));
  }
}

std::string without_escapes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b' || i + 1 >= text.size() || text[i + 1] != '[') {
      plain += text[i];
      continue;
    }
    i += 2;
    while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
  }
  return plain;
}

}  // namespace nextgen_kernels
