#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// What a listener wants of a kernel's messages: those that one of its patterns names (include), or the
/// others (exclude). A value; immutable.
class MessageFilter {
 public:
  /// A message type, a channel, or a type on one channel.
  struct Pattern {
    std::string message_type;        ///< Empty: any.
    std::optional<Channel> channel;  ///< None: any.

    bool operator==(const Pattern&) const = default;
  };
  using Patterns = std::vector<Pattern>;

  /// Including nothing (an empty list) lets nothing through; excluding nothing lets everything through.
  static MessageFilter including(Patterns patterns);
  static MessageFilter excluding(Patterns patterns);

  /// The filter of two lists as text, each of which may be missing; nothing when both are. Fails with
  /// ErrorCode::invalid_argument when both are given, and for what `parse_patterns` refuses.
  static Result<std::optional<MessageFilter>> parse(std::optional<std::string_view> include,
                                                    std::optional<std::string_view> exclude);

  /// A comma-separated list of `message_type`, `channel:` and `channel:message_type`; "" is an empty list.
  static Result<Patterns> parse_patterns(std::string_view text);

  bool selects(const Message& message) const;

 private:
  enum class Kind { include, exclude };
  MessageFilter(Kind kind, Patterns patterns) : kind_(kind), patterns_(std::move(patterns)) {}

  Kind kind_;
  Patterns patterns_;
};

}  // namespace nextgen_kernels
