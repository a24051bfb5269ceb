#include "wire/v1_message.h"

#include <algorithm>
#include <cstring>

#include "wire/byte_order.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t word = sizeof(std::uint64_t);
/// The channel and the four parts.
constexpr std::size_t fixed_segments = 5;

std::uint64_t load_word(std::string_view payload, std::size_t index) {
  return load<std::uint64_t, std::endian::little>(payload.data() + index * word);
}

Result<void> check_offsets(std::string_view payload) {
  if (payload.size() < word)
    return make_error(ErrorCode::protocol, "v1 message of {} bytes is too short for its offset count",
                      payload.size());
  const auto count = load_word(payload, 0);
  if (count < V1Message::minimum_offset_count || count > V1Message::maximum_offset_count)
    return make_error(ErrorCode::protocol, "v1 message has {} offsets; from {} to {} are possible", count,
                      V1Message::minimum_offset_count, V1Message::maximum_offset_count);
  const auto table_size = (1 + count) * word;
  if (payload.size() < table_size)
    return make_error(ErrorCode::protocol, "v1 message of {} bytes is too short for its {} offsets",
                      payload.size(), count);
  std::uint64_t previous = table_size;
  if (load_word(payload, 1) != table_size)
    return make_error(ErrorCode::protocol, "v1 message's first offset is {}; its offsets end at {}",
                      load_word(payload, 1), table_size);
  for (std::size_t i = 1; i < count; ++i) {
    const auto offset = load_word(payload, i + 1);
    if (offset < previous || offset > payload.size())
      return make_error(ErrorCode::protocol,
                        "v1 message's offset {} is {}; it must be from {} (the one before) to {} (the size)",
                        i, offset, previous, payload.size());
    previous = offset;
  }
  if (previous != payload.size())
    return make_error(ErrorCode::protocol, "v1 message's last offset is {}; its size is {}", previous,
                      payload.size());
  return {};
}

}  // namespace

Result<V1Message> V1Message::parse(std::string_view payload) {
  if (auto checked = check_offsets(payload); !checked) return std::unexpected(std::move(checked.error()));
  const auto name = segment(payload, 0);
  const auto channel = channel_from_string(name);
  if (!channel || *channel == Channel::heartbeat)
    return make_error(
        ErrorCode::not_found,
        "v1 message is for an unknown channel ({} bytes); shell, control, iopub and stdin exist",
        name.size());
  return V1Message(payload, *channel);
}

std::size_t V1Message::buffer_count() const {
  return load_word(payload_, 0) - minimum_offset_count;
}

std::string_view V1Message::segment(std::string_view payload, std::size_t index) {
  const auto begin = load_word(payload, index + 1);
  return payload.substr(begin, load_word(payload, index + 2) - begin);
}

std::size_t v1_payload_size(Channel channel, std::span<const std::string_view, 4> parts,
                            std::span<const std::string_view> buffers) {
  auto size = (1 + V1Message::minimum_offset_count + buffers.size()) * word + to_string(channel).size();
  for (const auto part : parts) size += part.size();
  for (const auto buffer : buffers) size += buffer.size();
  return size;
}

void write_v1_payload(std::span<char> to, Channel channel, std::span<const std::string_view, 4> parts,
                      std::span<const std::string_view> buffers) {
  const auto count = fixed_segments + buffers.size() + 1;
  char* offset = to.data();
  std::uint64_t end = (1 + count) * word;
  const auto put_word = [&offset](std::uint64_t value) {
    store<std::uint64_t, std::endian::little>(offset, value);
    offset += word;
  };
  const auto put_segment = [&](std::string_view segment) {
    if (!segment.empty()) std::memcpy(to.data() + end, segment.data(), segment.size());
    end += segment.size();
    put_word(end);
  };
  put_word(count);
  put_word(end);
  put_segment(to_string(channel));
  std::ranges::for_each(parts, put_segment);
  std::ranges::for_each(buffers, put_segment);
}

}  // namespace nextgen_kernels
