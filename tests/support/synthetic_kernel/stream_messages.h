#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "synthetic_kernel/message.h"

namespace nextgen_kernels::synthetic {

/// How every numbered stream message's content begins; its sequence number, of `sequence_digits` decimal
/// digits, is what follows. A reader recognises and numbers a message from these bytes alone.
constexpr std::string_view numbered_content_prefix = R"({"name": "stdout", "text": ")";
constexpr std::size_t sequence_digits = 10;

/// The sequence number of a numbered stream message, nothing for any other content.
std::optional<std::uint64_t> sequence_number(std::string_view content);

/// Makes a row of `stream` messages that differ in message id and sequence number only, so that making one
/// costs next to nothing beside signing and sending it. The date is that of the first.
class StreamMessages {
 public:
  static constexpr std::size_t min_text_size = sequence_digits;

  /// `text_size` is the length of each message's text, at least `min_text_size`.
  StreamMessages(std::string_view session, std::string parent_header, std::size_t text_size);

  /// The next message, numbered from 0; valid until the next call.
  const MessageParts& next();

 private:
  MessageParts parts_;
  std::size_t message_id_offset_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace nextgen_kernels::synthetic
