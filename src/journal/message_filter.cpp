#include "journal/message_filter.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t longest_list = 4096;

Result<MessageFilter::Pattern> parse_pattern(std::string_view text) {
  const auto pattern = trim(text);
  if (pattern.empty())
    return make_error(ErrorCode::invalid_argument, "a filter has an empty element between its commas");
  const auto colon = pattern.find(':');
  if (colon == std::string_view::npos)
    return MessageFilter::Pattern{.message_type = std::string(pattern), .channel = std::nullopt};
  const auto name = pattern.substr(0, colon);
  const auto channel = channel_from_string(name);
  if (!channel || *channel == Channel::heartbeat) {
    return make_error(ErrorCode::invalid_argument,
                      "a filter names the channel '{}'; there are shell, control, iopub and stdin",
                      printable(replace_invalid_utf8(name)));
  }
  return MessageFilter::Pattern{.message_type = std::string(pattern.substr(colon + 1)), .channel = channel};
}

}  // namespace

MessageFilter MessageFilter::including(Patterns patterns) {
  return {Kind::include, std::move(patterns)};
}

MessageFilter MessageFilter::excluding(Patterns patterns) {
  return {Kind::exclude, std::move(patterns)};
}

Result<std::optional<MessageFilter>> MessageFilter::parse(std::optional<std::string_view> include,
                                                          std::optional<std::string_view> exclude) {
  if (include && exclude) {
    return make_error(ErrorCode::invalid_argument,
                      "a filter either includes or excludes: give msg_types or exclude_msg_types, not both");
  }
  if (!include && !exclude) return std::nullopt;
  auto patterns = parse_patterns(include ? *include : *exclude);
  if (!patterns) return std::unexpected(patterns.error());
  return include ? including(std::move(*patterns)) : excluding(std::move(*patterns));
}

Result<MessageFilter::Patterns> MessageFilter::parse_patterns(std::string_view text) {
  if (text.size() > longest_list) {
    return make_error(ErrorCode::invalid_argument, "a filter is {} bytes long; at most {} are taken",
                      text.size(), longest_list);
  }
  Patterns patterns;
  if (trim(text).empty()) return patterns;
  while (true) {
    const auto comma = text.find(',');
    auto pattern = parse_pattern(text.substr(0, comma));
    if (!pattern) return std::unexpected(pattern.error());
    patterns.push_back(std::move(*pattern));
    if (comma == std::string_view::npos) return patterns;
    text.remove_prefix(comma + 1);
  }
}

bool MessageFilter::selects(const Message& message) const {
  const bool named = std::ranges::any_of(patterns_, [&message](const Pattern& pattern) {
    return (!pattern.channel || *pattern.channel == message.channel()) &&
           (pattern.message_type.empty() || pattern.message_type == message.header_fields().msg_type);
  });
  return named == (kind_ == Kind::include);
}

}  // namespace nextgen_kernels
