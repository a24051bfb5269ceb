#include "server/listener_query.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t longest_journal_id = 64;

/// What may be a ZMQ identity elsewhere, and is shown in logs.
bool is_session_id(std::string_view text) {
  return text.size() <= 255 && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

/// For an error's text.
std::string shown(std::string_view text) {
  return printable(replace_invalid_utf8(text.substr(0, 100)));
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

Result<void> check_given_once(const HttpRequest& request, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto count = std::ranges::count(request.query, name,
                                          [](const auto& pair) -> std::string_view { return pair.first; });
    if (count > 1)
      return make_error(ErrorCode::invalid_argument, "{} is given {} times; once is enough", name, count);
  }
  return {};
}

std::string stream_id(std::string_view journal_id, std::uint64_t stream) {
  return fmt::format("{}-{}", journal_id, stream);
}

Result<ResumePoint> parse_resume_point(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto dash = text.substr(0, colon).rfind('-');
  if (colon != std::string_view::npos && dash != std::string_view::npos && dash > 0 &&
      dash <= longest_journal_id) {
    const auto stream = parse_number(text.substr(dash + 1, colon - dash - 1));
    const auto frame = parse_number(text.substr(colon + 1));
    if (stream && frame)
      return ResumePoint{.journal_id = std::string(text.substr(0, dash)), .stream = *stream, .frame = *frame};
  }
  return make_error(
      ErrorCode::invalid_argument,
      "resume_from is '{}', but must be ID:N: what the header Nextgen-Kernels-Journal said when "
      "the connection was opened, and the number of the first frame that is wanted",
      shown(text));
}

Result<ReplayRequest> parse_replay(std::string_view text) {
  using enum ReplayRequest::Kind;
  if (text == "running") return ReplayRequest{.kind = running};
  if (text == "all") return ReplayRequest{.kind = all};
  constexpr std::string_view prefix = "since=";
  if (text.starts_with(prefix)) {
    if (const auto number = parse_number(text.substr(prefix.size())))
      return ReplayRequest{.kind = since, .since = *number};
  }
  return make_error(ErrorCode::invalid_argument,
                    "replay is '{}', but must be running, all, or since=N with the number of a message",
                    shown(text));
}

Result<ListenerQuery> ListenerQuery::parse(const HttpRequest& request) {
  ListenerQuery query;
  if (const auto once =
          check_given_once(request, {"resume_from", "replay", "msg_types", "exclude_msg_types"});
      !once)
    return std::unexpected(once.error());
  query.session_id = request.query_value("session_id").value_or("");
  if (!is_session_id(query.session_id)) {
    return make_error(ErrorCode::invalid_argument, "session_id must be at most 255 visible ASCII characters");
  }
  auto filter =
      MessageFilter::parse(request.query_value("msg_types"), request.query_value("exclude_msg_types"));
  if (!filter) return std::unexpected(filter.error());
  query.filter = std::move(*filter);

  const auto resume_from = request.query_value("resume_from");
  const auto replay = request.query_value("replay");
  if (resume_from && replay) {
    return make_error(ErrorCode::invalid_argument,
                      "resume_from and replay both say where to begin: give one of them");
  }
  if (resume_from) {
    auto point = parse_resume_point(*resume_from);
    if (!point) return std::unexpected(point.error());
    query.resume_from = std::move(*point);
  }
  if (replay) {
    const auto parsed = parse_replay(*replay);
    if (!parsed) return std::unexpected(parsed.error());
    query.replay = *parsed;
  }
  return query;
}

}  // namespace nextgen_kernels
