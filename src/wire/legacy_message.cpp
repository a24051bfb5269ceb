#include "wire/legacy_message.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/timestamp.h"
#include "wire/byte_order.h"
#include "wire/json.h"
#include "wire/json_repair.h"
#include "wire/message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t word = sizeof(std::uint32_t);

bool is_object(std::string_view json) {
  const auto first = json.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && json[first] == '{';
}

/// A part of the message in the form that may be spliced: as it came, or repaired.
class SplicedPart {
 public:
  SplicedPart(const Message& message, std::string_view name, std::string_view json) : json_(json) {
    if (!is_object(json)) {
      replace(message, name, "not an object");
    } else if (!is_valid_json(json)) {
      auto repair = repair_json(json);
      if (repair.verdict == JsonVerdict::repaired) {
        repaired_ = std::move(repair.text);
        json_ = repaired_;
      } else {
        replace(message, name, "not JSON");
      }
    }
  }
  SplicedPart(const SplicedPart&) = delete;
  SplicedPart& operator=(const SplicedPart&) = delete;

  std::string_view json() const { return json_; }

 private:
  void replace(const Message& message, std::string_view name, std::string_view what) {
    log_warning("Kernel sent {} whose {} is {}; clients of the legacy protocol get {{}} instead",
                with_article(message.header_fields().msg_type), name, what);
    json_ = "{}";
  }

  std::string repaired_;
  std::string_view json_;
};

/// True when JupyterLab accepts the header as it is: it requires these fields to be strings.
bool is_complete(const Header& header) {
  return header.has_username && header.has_version && header.has_session && header.has_msg_id &&
         header.has_msg_type && header.has_date;
}

/// The header with every required field: the members that are fine as they were written, then the missing
/// ones.
std::string complete_header(std::string_view json, const Header& header) {
  const std::array<std::pair<std::string_view, bool>, 6> required{{{"msg_id", header.has_msg_id},
                                                                   {"msg_type", header.has_msg_type},
                                                                   {"username", header.has_username},
                                                                   {"session", header.has_session},
                                                                   {"date", header.has_date},
                                                                   {"version", header.has_version}}};
  const auto is_replaced = [&required](std::string_view key) {
    for (const auto& [name, present] : required)
      if (name == key) return !present;
    return false;
  };
  std::string completed = "{";
  const auto put = [&completed](std::string_view key, std::string_view value) {
    if (completed.size() > 1) completed += ", ";
    completed.append(quote_json(key)).append(": ").append(value);
  };
  // The caller has validated the header, so the walk cannot fail.
  (void)for_each_member(json, [&](const JsonMember& member) {
    if (!is_replaced(member.key)) put(member.key, member.value);
  });
  for (const auto& [name, present] : required) {
    if (present) continue;
    if (name == "date") {
      put(name, quote_json(format_timestamp(std::chrono::system_clock::now())));
    } else if (name == "version") {
      put(name, quote_json(protocol_version));
    } else {
      put(name, R"("")");
    }
  }
  return completed + '}';
}

/// The pieces of the JSON; Jupyter Server's order and spacing.
class LegacyJson {
 public:
  explicit LegacyJson(const Message& message)
      : header_(message, "header", message.header()),
        parent_header_(message, "parent_header", message.parent_header()),
        metadata_(message, "metadata", message.metadata()),
        content_(message, "content", message.content()) {
    const auto& fields = message.header_fields();
    if (!is_complete(fields)) completed_header_ = complete_header(header_.json(), fields);
    msg_id_ = quote_json(fields.msg_id);
    msg_type_ = quote_json(fields.msg_type);
    pieces_ = {R"({"header": )",
               completed_header_.empty() ? header_.json() : std::string_view(completed_header_),
               R"(, "msg_id": )",
               msg_id_,
               R"(, "msg_type": )",
               msg_type_,
               R"(, "parent_header": )",
               parent_header_.json(),
               R"(, "metadata": )",
               metadata_.json(),
               R"(, "content": )",
               content_.json(),
               message.buffer_count() == 0 ? no_buffers : std::string_view(),
               R"(, "channel": ")",
               to_string(message.channel()),
               R"("})"};
  }
  LegacyJson(const LegacyJson&) = delete;
  LegacyJson& operator=(const LegacyJson&) = delete;

  std::size_t size() const {
    std::size_t size = 0;
    for (const auto piece : pieces_) size += piece.size();
    return size;
  }

  /// For a message whose buffers cannot be sent.
  void state_no_buffers() { pieces_[buffers_piece] = no_buffers; }

  /// The text of the member `buffers`, with the comma before it; stays with the caller.
  void state_buffers(std::string_view member) { pieces_[buffers_piece] = member; }

  void append_to(std::string& frame) const {
    for (const auto piece : pieces_) frame += piece;
  }

 private:
  static constexpr std::string_view no_buffers = R"(, "buffers": [])";
  static constexpr std::size_t buffers_piece = 12;

  SplicedPart header_;
  SplicedPart parent_header_;
  SplicedPart metadata_;
  SplicedPart content_;
  std::string completed_header_;
  std::string msg_id_;
  std::string msg_type_;
  std::array<std::string_view, 16> pieces_;
};

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_base64(std::string& text, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += j <= group.size() ? base64_digits[bits >> (18 - 6 * j) & 63] : '=';
  }
}

std::string start_frame(WebSocketOpcode opcode, std::size_t payload_size) {
  const WebSocketFrameHeader header(opcode, payload_size);
  std::string frame;
  frame.reserve(header.view().size() + payload_size);
  frame += header.view();
  return frame;
}

std::size_t offset_table_size(const Message& message) {
  return (2 + message.buffer_count()) * word;
}

std::size_t binary_payload_size(const Message& message, const LegacyJson& json) {
  auto size = offset_table_size(message) + json.size();
  for (std::size_t i = 0; i < message.buffer_count(); ++i) size += message.buffer(i).size();
  return size;
}

/// Layout of the payload, in big-endian u32: `[n][offset_0] … [offset_{n-1}][json][buffer_1] …
/// [buffer_{n-1}]`.
std::string encode_binary(const Message& message, const LegacyJson& json) {
  auto frame = start_frame(WebSocketOpcode::binary, binary_payload_size(message, json));
  const auto put_number = [&frame](std::size_t value) {
    std::array<char, word> bytes{};
    store<std::uint32_t, std::endian::big>(bytes.data(), static_cast<std::uint32_t>(value));
    frame.append(bytes.data(), bytes.size());
  };
  put_number(message.buffer_count() + 1);
  auto offset = offset_table_size(message);
  put_number(offset);
  offset += json.size();
  for (std::size_t i = 0; i < message.buffer_count(); ++i) {
    put_number(offset);
    offset += message.buffer(i).size();
  }
  json.append_to(frame);
  for (std::size_t i = 0; i < message.buffer_count(); ++i) frame += message.buffer(i);
  return frame;
}

std::string encode_text(const LegacyJson& json) {
  auto frame = start_frame(WebSocketOpcode::text, json.size());
  json.append_to(frame);
  return frame;
}

}  // namespace

std::string encode_legacy_frame(const Message& message) {
  LegacyJson json(message);
  if (message.buffer_count() == 0) return encode_text(json);
  if (binary_payload_size(message, json) <= std::numeric_limits<std::uint32_t>::max())
    return encode_binary(message, json);
  log_warning(
      "The buffers of {} are left out: they have more than 4 GiB, which the legacy protocol cannot carry",
      with_article(message.header_fields().msg_type));
  json.state_no_buffers();
  return encode_text(json);
}

std::string encode_json_line(const Message& message) {
  LegacyJson json(message);
  std::string buffers;
  for (std::size_t i = 0; i < message.buffer_count(); ++i) {
    buffers += i == 0 ? R"(, "buffers": [")" : R"(", ")";
    append_base64(buffers, message.buffer(i));
  }
  if (!buffers.empty()) json.state_buffers(buffers += R"("])");
  std::string line;
  line.reserve(json.size());
  json.append_to(line);
  // Between the tokens of JSON; inside its strings they are escaped.
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

}  // namespace nextgen_kernels
