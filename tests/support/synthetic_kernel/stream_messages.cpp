#include "synthetic_kernel/stream_messages.h"

#include <charconv>
#include <utility>

#include "base/random.h"

namespace nextgen_kernels::synthetic {
namespace {

constexpr std::string_view filler = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 ";

void write_digits(char* end, std::uint64_t number) {
  for (std::size_t i = 0; i < sequence_digits; ++i, number /= 10)
    *--end = static_cast<char>('0' + number % 10);
}

}  // namespace

std::optional<std::uint64_t> sequence_number(std::string_view content) {
  if (!content.starts_with(numbered_content_prefix)) return std::nullopt;
  const auto digits = content.substr(numbered_content_prefix.size(), sequence_digits);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + sequence_digits) return std::nullopt;
  return number;
}

StreamMessages::StreamMessages(std::string_view session, std::string parent_header, std::size_t text_size) {
  const auto message_id = random_uuid() + "_" + std::string(sequence_digits, '0');
  parts_.header = make_header(message_id, "stream", session);
  message_id_offset_ = parts_.header.find(message_id) + message_id.size();
  parts_.parent_header = std::move(parent_header);
  parts_.content.reserve(numbered_content_prefix.size() + text_size + 2);
  parts_.content = numbered_content_prefix;
  parts_.content.append(sequence_digits, '0');
  for (std::size_t i = sequence_digits; i < text_size; ++i) parts_.content += filler[i % filler.size()];
  parts_.content += R"("})";
}

const MessageParts& StreamMessages::next() {
  const auto sequence = next_sequence_++;
  write_digits(parts_.header.data() + message_id_offset_, sequence);
  write_digits(parts_.content.data() + numbered_content_prefix.size() + sequence_digits, sequence);
  return parts_;
}

}  // namespace nextgen_kernels::synthetic
