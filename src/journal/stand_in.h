#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// What is told of a message in whose place something else comes.
struct MessageOutline {
  Channel channel = Channel::iopub;
  std::string message_type;
  std::string parent_header = "{}";  ///< A JSON object.
  std::uint64_t size = 0;            ///< In bytes.
};

MessageOutline outline_of(const Message& message);

/// A size for a person: "11.0 MiB".
std::string format_size(std::uint64_t bytes);

/// The message's type for a person.
std::string shown_type(const MessageOutline& outline);

/// Whether a client waits for this message: then `make_error_reply` has to come in its place.
bool is_reply(const MessageOutline& outline);

/// A `stream` message on stderr that says `text`, as an output of the same request.
Result<Message::Pointer> make_notice(const MessageOutline& outline, std::string_view text,
                                     std::string_view session);

/// A reply of the same type to the same request, with the status `error` and `text` as the reason.
Result<Message::Pointer> make_error_reply(const MessageOutline& outline, std::string_view text,
                                          std::string_view session);

}  // namespace nextgen_kernels
