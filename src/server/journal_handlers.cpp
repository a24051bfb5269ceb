#include "server/journal_handlers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "journal/conversation.h"
#include "runtime/event.h"
#include "server/listener_query.h"
#include "server/message_query.h"
#include "server/user.h"
#include "wire/json.h"
#include "wire/legacy_message.h"

namespace nextgen_kernels {
namespace {

// A page ends when it is so large, or when so many messages were looked through for it.
constexpr std::size_t page_bytes = 8 * 1024 * 1024;
constexpr MessageNumber page_scan = 100'000;
constexpr std::size_t read_messages = 256;
constexpr std::size_t read_bytes = 1024 * 1024;

/// Reads a journal in a coroutine.
class JournalReader final : private JournalListener {
 public:
  JournalReader(const Executor& executor, std::shared_ptr<Conversation> conversation, MessageNumber from,
                std::optional<MessageFilter> filter)
      : conversation_(std::move(conversation)),
        activity_(executor),
        cursor_(conversation_->journal(), *this,
                {.audience = Audience::observer, .filter = std::move(filter), .from = from}) {}

  /// Ends with a batch that has something, or at the end of the journal.
  Task<Cursor::Batch> read() {
    while (true) {
      auto batch = cursor_.read(read_messages, read_bytes);
      if (batch.lost || !batch.entries.empty() || cursor_.at_end()) co_return batch;
      co_await activity_.wait();
    }
  }

  const Cursor& cursor() const { return cursor_; }

 private:
  void on_journal_activity() override { activity_.notify_all(); }

  std::shared_ptr<Conversation> conversation_;
  Event activity_;
  Cursor cursor_;
};

bool selects(const MessageQuery& query, const JournalEntry& entry) {
  if (query.channel && entry.message->channel() != *query.channel) return false;
  if (query.parent && entry.message->parent_fields().msg_id != *query.parent) return false;
  return !query.cell || (entry.origin != nullptr && entry.origin->cell_id == *query.cell);
}

std::string quoted_or_null(std::string_view text) {
  return text.empty() ? "null" : quote_json(replace_invalid_utf8(text));
}

void append_lost(std::string& page, const LostMessages& lost) {
  fmt::format_to(std::back_inserter(page),
                 R"({{"lost": {{"first": {}, "last": {}}}}})"
                 "\n",
                 lost.first, lost.last);
}

/// The session that asked; nothing when it is another's, and this user may not act for it.
std::string_view requester_of(const RequestOrigin& origin, const User& user) {
  const auto session = session_of(origin.requester);
  return user.read_only && origin.requester != listener_name(user, session) ? std::string_view() : session;
}

void append_line(std::string& page, const JournalEntry& entry, const User& user) {
  const auto cell = entry.origin == nullptr ? std::string_view() : entry.origin->cell_id;
  const auto requester = entry.origin == nullptr ? std::string_view() : requester_of(*entry.origin, user);
  fmt::format_to(std::back_inserter(page),
                 R"({{"number": {}, "epoch": {}, "cell_id": {}, "requester": {}, "message": {}}})"
                 "\n",
                 entry.number, entry.epoch, quoted_or_null(cell), quoted_or_null(requester),
                 encode_json_line(*entry.message));
}

/// Where a session's newest connection stands, for those who cannot read the headers of its opening.
nlohmann::ordered_json connection_model(const Conversation& conversation, std::string_view listener) {
  const auto place = conversation.places().find_newest(listener);
  if (place == nullptr) return nullptr;
  return {{"journal", stream_id(conversation.journal().id(), place->stream)},
          {"first_frame", place->frames.first()},
          {"next_frame", place->frames.next()},
          {"acknowledged_frame", place->frames.acknowledged()},
          {"connected", place->connected}};
}

}  // namespace

void JournalHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/nextgen/kernels/{kernel_id}/journal",
             [this](HttpRequest request) { return describe(std::move(request)); });
  router.add(get, "/api/nextgen/kernels/{kernel_id}/messages",
             [this](HttpRequest request) { return list_messages(std::move(request)); });
}

Task<Result<HttpResponse>> JournalHandlers::describe(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  const auto& conversation = *(*kernel)->conversation();
  const auto statistics = conversation.journal().statistics();
  nlohmann::ordered_json model = {{"id", statistics.id},
                                  {"first_number", statistics.first_number},
                                  {"next_number", statistics.next_number},
                                  {"epoch", statistics.epoch},
                                  {"memory_bytes", statistics.memory_bytes},
                                  {"memory_messages", statistics.memory_messages},
                                  {"spilled_bytes", statistics.spilled_bytes},
                                  {"spilled_messages", statistics.spilled_messages},
                                  {"spill_written_bytes", statistics.spill_written_bytes},
                                  {"spill_failures", statistics.spill_failures},
                                  {"overruns", statistics.overruns},
                                  {"lost_messages", statistics.lost_messages},
                                  {"listeners", statistics.cursors},
                                  {"furthest_behind", statistics.furthest_behind}};
  if (const auto session_id = request.query_value("session_id"))
    model["connection"] = connection_model(conversation, listener_name(*request.user, *session_id));
  co_return json_response(http::status::ok, model);
}

Task<Result<HttpResponse>> JournalHandlers::list_messages(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  auto query = MessageQuery::parse(request);
  if (!query) co_return std::unexpected(query.error());
  const auto conversation = (*kernel)->conversation();

  // What was gone before anybody asked for it is no loss of the reader's.
  const auto first = conversation->journal().first_number();
  const auto start = std::max(query->since.value_or(first), first);
  JournalReader reader(executor_, conversation, start, std::move(query->filter));
  std::string page;
  if (const auto since = std::max<MessageNumber>(query->since.value_or(first), 1); since < first)
    append_lost(page, {.first = since, .last = first - 1});
  std::size_t count = 0;
  auto next = reader.cursor().position();
  bool full = false;
  while (!full && !reader.cursor().at_end() && reader.cursor().position() - start < page_scan) {
    auto batch = co_await reader.read();
    if (batch.lost) append_lost(page, *batch.lost);
    next = reader.cursor().position();
    for (const auto& entry : batch.entries) {
      full = count == query->limit || page.size() > page_bytes;
      if (full) {
        next = entry.number;
        break;
      }
      if (!selects(*query, entry)) continue;
      append_line(page, entry, *request.user);
      ++count;
    }
  }
  const bool at_end = next >= conversation->journal().next_number();
  fmt::format_to(std::back_inserter(page),
                 R"({{"next": {}, "end": {}}})"
                 "\n",
                 next, at_end);
  HttpResponse response;
  response.headers.set(http::field::content_type, "application/x-ndjson");
  response.headers.set("Nextgen-Kernels-Next", std::to_string(next));
  response.body = std::move(page);
  co_return response;
}

}  // namespace nextgen_kernels
