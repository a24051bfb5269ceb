#include "server/message_query.h"

#include <string_view>
#include <utility>

#include "server/listener_query.h"

namespace nextgen_kernels {
namespace {

Result<std::optional<std::uint64_t>> number_parameter(const HttpRequest& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::nullopt;
  if (const auto number = parse_number(*text)) return *number;
  return make_error(ErrorCode::invalid_argument, "{} must be a number", name);
}

std::optional<std::string> text_parameter(const HttpRequest& request, std::string_view name) {
  const auto text = request.query_value(name);
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace

Result<MessageQuery> MessageQuery::parse(const HttpRequest& request) {
  MessageQuery query;
  if (const auto once = check_given_once(
          request, {"since", "limit", "parent", "cell", "channel", "msg_types", "exclude_msg_types"});
      !once)
    return std::unexpected(once.error());
  const auto since = number_parameter(request, "since");
  if (!since) return std::unexpected(since.error());
  query.since = *since;
  const auto limit = number_parameter(request, "limit");
  if (!limit) return std::unexpected(limit.error());
  if (limit->value_or(default_limit) == 0 || limit->value_or(default_limit) > largest_limit)
    return make_error(ErrorCode::invalid_argument, "limit must be between 1 and {}", largest_limit);
  query.limit = limit->value_or(default_limit);
  query.parent = text_parameter(request, "parent");
  query.cell = text_parameter(request, "cell");
  if (const auto name = request.query_value("channel")) {
    query.channel = channel_from_string(*name);
    if (!query.channel || *query.channel == Channel::heartbeat)
      return make_error(ErrorCode::invalid_argument, "channel must be shell, control, iopub or stdin");
  }
  auto filter =
      MessageFilter::parse(request.query_value("msg_types"), request.query_value("exclude_msg_types"));
  if (!filter) return std::unexpected(filter.error());
  query.filter = std::move(*filter);
  return query;
}

}  // namespace nextgen_kernels
