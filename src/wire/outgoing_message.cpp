#include "wire/outgoing_message.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "wire/byte_order.h"
#include "wire/json.h"
#include "wire/json_repair.h"
#include "wire/v1_message.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t word = sizeof(std::uint32_t);

/// What the views of a message point into.
struct Storage {
  std::string payload;
  std::string repaired_json;  ///< Empty unless the payload's JSON needed repair.
};

/// Metadata that cannot be read has no cell id; whether it is acceptable is the kernel's business.
std::string find_cell_id(std::string_view metadata) {
  if (!metadata.contains("cellId")) return {};
  std::string cell_id;
  const auto visited = for_each_member(metadata, [&cell_id](const JsonMember& member) {
    if (member.key == "cellId") cell_id = member.string.value_or("");
  });
  return visited ? cell_id : std::string();
}

/// Fills what is derived from the parts.
Result<OutgoingMessage> finish(OutgoingMessage message) {
  auto header = scan_header(message.parts[0]);
  if (!header) return make_error(ErrorCode::protocol, "message's header is {}", header.error().message);
  if (header->msg_id.empty() || header->msg_type.empty())
    return make_error(ErrorCode::protocol, "message's header has no {}",
                      header->msg_id.empty() ? "msg_id" : "msg_type");
  message.header = std::move(*header);
  message.cell_id = find_cell_id(message.parts[2]);
  return message;
}

/// The members of a legacy message that matter, as raw slices; `{}` where the client sent nothing or null.
struct LegacyFields {
  std::array<std::string_view, 4> parts{"{}", "{}", "{}", "{}"};
  std::optional<std::string> channel;
  bool has_header = false;
  bool has_buffers = false;
  std::string_view misfit;  ///< The name of a part that is neither an object nor null.
};

constexpr std::array<std::string_view, 4> part_names{"header", "parent_header", "metadata", "content"};

/// True for null and for an array, object or string with nothing in it.
bool is_empty_json(std::string_view value) {
  if (value == "null") return true;
  const auto inside = value.size() < 2 ? value : value.substr(1, value.size() - 2);
  return std::string_view("[{\"").contains(value.front()) && trim(inside).empty();
}

void collect(LegacyFields& fields, const JsonMember& member) {
  if (member.key == "buffers") fields.has_buffers = !is_empty_json(member.value);
  if (member.key == "channel" && member.string) fields.channel = std::string(*member.string);
  for (std::size_t i = 0; i < part_names.size(); ++i) {
    if (member.key != part_names[i]) continue;
    if (member.value.starts_with('{')) {
      fields.parts[i] = member.value;
      fields.has_header = fields.has_header || i == 0;
    } else if (member.value != "null") {
      fields.misfit = part_names[i];
    }
  }
}

Result<LegacyFields> read_fields(std::string_view json) {
  LegacyFields fields;
  auto visited = for_each_member(json, [&fields](const JsonMember& member) { collect(fields, member); });
  if (!visited) return std::unexpected(std::move(visited.error()));
  return fields;
}

/// Reads the JSON of a legacy message. When it needs repair, the views point into `storage.repaired_json`.
Result<LegacyFields> read_or_repair(std::string_view json, Storage& storage) {
  auto fields = read_fields(json);
  if (fields) return fields;
  auto repair = repair_json(json);
  if (repair.verdict != JsonVerdict::repaired) return fields;
  storage.repaired_json = std::move(repair.text);
  return read_fields(storage.repaired_json);
}

Result<OutgoingMessage> decode_legacy_json(std::string_view json, std::vector<std::string_view> buffers,
                                           std::shared_ptr<Storage> storage) {
  const auto fields = read_or_repair(json, *storage);
  if (!fields) return make_error(ErrorCode::protocol, "legacy message is {}", fields.error().message);
  if (!fields->misfit.empty())
    return make_error(ErrorCode::protocol, "legacy message's {} is not an object", fields->misfit);
  if (!fields->has_header) return make_error(ErrorCode::protocol, "legacy message has no header");
  const auto channel = channel_from_string(fields->channel.value_or("shell"));
  if (!channel || *channel == Channel::heartbeat)
    return make_error(ErrorCode::not_found,
                      "legacy message is for the unknown channel {:?}; shell, control and "
                      "stdin exist",
                      replace_invalid_utf8(fields->channel.value_or("")));
  if (fields->has_buffers && buffers.empty())
    return make_error(
        ErrorCode::protocol,
        "legacy message has buffers in its JSON, which cannot carry them; send it as a binary message");
  return finish({.channel = *channel,
                 .parts = fields->parts,
                 .buffers = std::move(buffers),
                 .header = {},
                 .cell_id = {},
                 .storage = std::move(storage)});
}

std::size_t load_number(std::string_view payload, std::size_t index) {
  return load<std::uint32_t, std::endian::big>(payload.data() + index * word);
}

/// The segments of a binary legacy message: the JSON, then the buffers.
Result<std::vector<std::string_view>> split_legacy_binary(std::string_view payload) {
  if (payload.size() < 2 * word)
    return make_error(ErrorCode::protocol, "binary legacy message of {} bytes is too short", payload.size());
  const auto count = load_number(payload, 0);
  if (count == 0 || count > payload.size() / word - 1)
    return make_error(ErrorCode::protocol, "binary legacy message of {} bytes cannot have {} segments",
                      payload.size(), count);
  const auto table_size = (1 + count) * word;
  if (load_number(payload, 1) != table_size)
    return make_error(ErrorCode::protocol,
                      "binary legacy message's first offset is {}; its offsets end at {}",
                      load_number(payload, 1), table_size);
  std::vector<std::string_view> segments;
  segments.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = load_number(payload, 1 + i);
    const auto end = i + 1 < count ? load_number(payload, 2 + i) : payload.size();
    if (end < begin || end > payload.size())
      return make_error(ErrorCode::protocol,
                        "binary legacy message's segment {} is from {} to {} of {} bytes", i, begin, end,
                        payload.size());
    segments.push_back(payload.substr(begin, end - begin));
  }
  return segments;
}

}  // namespace

Result<OutgoingMessage> decode_v1_message(std::string payload) {
  auto storage = std::make_shared<const Storage>(std::move(payload), std::string());
  const auto parsed = V1Message::parse(storage->payload);
  if (!parsed) return std::unexpected(parsed.error());
  std::vector<std::string_view> buffers;
  buffers.reserve(parsed->buffer_count());
  for (std::size_t i = 0; i < parsed->buffer_count(); ++i) buffers.push_back(parsed->buffer(i));
  return finish({.channel = parsed->channel(),
                 .parts = {parsed->part(0), parsed->part(1), parsed->part(2), parsed->part(3)},
                 .buffers = std::move(buffers),
                 .header = {},
                 .cell_id = {},
                 .storage = std::move(storage)});
}

Result<OutgoingMessage> decode_legacy_text(std::string payload) {
  // The high byte of a binary message's count: no more than 2^24 segments exist, and no JSON starts so.
  if (payload.starts_with('\0')) return decode_legacy_binary(std::move(payload));
  auto storage = std::make_shared<Storage>(std::move(payload), std::string());
  const std::string_view json = storage->payload;
  return decode_legacy_json(json, {}, std::move(storage));
}

Result<OutgoingMessage> decode_legacy_binary(std::string payload) {
  auto storage = std::make_shared<Storage>(std::move(payload), std::string());
  auto segments = split_legacy_binary(storage->payload);
  if (!segments) return std::unexpected(std::move(segments.error()));
  const auto json = segments->front();
  segments->erase(segments->begin());
  return decode_legacy_json(json, std::move(*segments), std::move(storage));
}

Result<OutgoingMessage> make_request(Channel channel, std::string_view msg_type, std::string_view content,
                                     std::string_view session, std::string_view subshell_id) {
  auto header = make_header_json(msg_type, session, subshell_id);
  const auto header_size = header.size();
  auto storage = std::make_shared<const Storage>(std::move(header.append(content)), std::string());
  const std::string_view text = storage->payload;
  return finish({.channel = channel,
                 .parts = {text.substr(0, header_size), "{}", "{}", text.substr(header_size)},
                 .buffers = {},
                 .header = {},
                 .cell_id = {},
                 .storage = std::move(storage)});
}

}  // namespace nextgen_kernels
