#include "journal/stand_in.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

// What stands in for something large is small.
constexpr std::size_t longest_parent = std::size_t{16} * 1024;
constexpr std::size_t longest_type = 100;

std::string_view parent_of(const MessageOutline& outline) {
  return outline.parent_header.size() > longest_parent ? std::string_view("{}") : outline.parent_header;
}

std::string quote(std::string_view text) {
  return quote_json(replace_invalid_utf8(text));
}

}  // namespace

MessageOutline outline_of(const Message& message) {
  return {.channel = message.channel(),
          .message_type = std::string(message.header_fields().msg_type),
          .parent_header = std::string(message.parent_header()),
          .size = message.v1_payload().size()};
}

std::string format_size(std::uint64_t bytes) {
  constexpr double kibibyte = 1024;
  constexpr double mebibyte = 1024 * kibibyte;
  constexpr double gibibyte = 1024 * mebibyte;
  const auto size = static_cast<double>(bytes);
  if (size >= gibibyte) return fmt::format("{:.1f} GiB", size / gibibyte);
  if (size >= mebibyte) return fmt::format("{:.1f} MiB", size / mebibyte);
  if (size >= kibibyte) return fmt::format("{:.1f} KiB", size / kibibyte);
  return fmt::format("{} bytes", bytes);
}

bool is_reply(const MessageOutline& outline) {
  const bool answers = outline.channel == Channel::shell || outline.channel == Channel::control;
  return answers && outline.message_type.size() <= longest_type && outline.message_type.ends_with("_reply");
}

std::string shown_type(const MessageOutline& outline) {
  return printable(replace_invalid_utf8(std::string_view(outline.message_type).substr(0, longest_type)));
}

Result<Message::Pointer> make_notice(const MessageOutline& outline, std::string_view text,
                                     std::string_view session) {
  const auto content = fmt::format(R"({{"name":"stderr","text":{}}})", quote(std::string(text) + "\n"));
  return make_kernel_message(Channel::iopub, "stream", content, parent_of(outline), session);
}

Result<Message::Pointer> make_error_reply(const MessageOutline& outline, std::string_view text,
                                          std::string_view session) {
  const auto content = fmt::format(
      R"({{"status":"error","execution_count":null,"ename":"MessageTooLarge","evalue":{0},"traceback":[{0}]}})",
      quote(text));
  return make_kernel_message(outline.channel, replace_invalid_utf8(outline.message_type), content,
                             parent_of(outline), session);
}

}  // namespace nextgen_kernels
