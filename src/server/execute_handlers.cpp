#include "server/execute_handlers.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/strings.h"
#include "kernels/output_folder.h"
#include "server/execute_body.h"
#include "server/execution_lines.h"
#include "server/json_fields.h"
#include "server/user.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t read_at_once = std::size_t{256} * 1024;
// Lines are written together up to so many bytes.
constexpr std::size_t piece_bytes = 64 * 1024;
// What one answer with all outputs in it may hold.
constexpr std::size_t folded_bytes = std::size_t{64} * 1024 * 1024;

/// The type of the lines that the client wants, or nothing when it wants one answer.
std::optional<std::string> wanted_lines(const HttpRequest& request) {
  for (const auto* type : {"application/jsonl", "application/x-ndjson"}) {
    const auto [begin, end] = request.headers.equal_range(http::field::accept);
    for (auto field = begin; field != end; ++field)
      for (const auto piece : split(std::string_view(field->value()), ','))
        if (to_lower(trim(piece.substr(0, piece.find(';')))) == type) return type;
  }
  return std::nullopt;
}

std::string to_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// One client's reading of one execution. Lives in the coroutine that writes the response.
class Reader {
 public:
  Reader(std::shared_ptr<ExecutionQueue> queue, std::shared_ptr<Execution> execution,
         OnDisconnect on_disconnect, std::shared_ptr<HttpBodyWriter> writer)
      : queue_(std::move(queue)),
        execution_(std::move(execution)),
        on_disconnect_(on_disconnect),
        writer_(std::move(writer)) {
    writer_->on_client_gone = [execution = execution_] { execution->wake(); };
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    writer_->on_client_gone = nullptr;
    execution_->stop_reading();
    if (!complete_ && on_disconnect_ == OnDisconnect::cancel && !execution_->ended())
      (void)queue_->cancel(execution_->id());
  }

  const Execution& execution() const { return *execution_; }

  /// What has come, as soon as something has, or the end; nothing when the client is gone.
  Task<std::optional<Execution::News>> next() {
    while (!writer_->client_is_gone()) {
      auto news = execution_->read();
      if (news.at_end || news.lost || !news.messages.empty()) co_return news;
      if (news.looked_on)
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);  // Others' turn.
      else
        co_await execution_->wait();
    }
    co_return std::nullopt;
  }

  /// False when the client is gone.
  Task<bool> write(std::string piece) {
    const auto written = co_await writer_->write(std::move(piece));
    co_return written.has_value();
  }

  void note_complete() { complete_ = true; }

 private:
  std::shared_ptr<ExecutionQueue> queue_;
  std::shared_ptr<Execution> execution_;
  OnDisconnect on_disconnect_;
  std::shared_ptr<HttpBodyWriter> writer_;
  bool complete_ = false;
};

nlohmann::ordered_json lost_model(const LostMessages& lost) {
  return {{"type", "lost"}, {"first", lost.first}, {"last", lost.last}};
}

Task<void> write_lines(std::shared_ptr<Reader> reader) {
  const nlohmann::ordered_json begin = {{"type", "accepted"},
                                        {"execution_id", reader->execution().id()},
                                        {"status", to_string(reader->execution().status())}};
  if (!co_await reader->write(to_text(begin) + '\n')) co_return;
  while (true) {
    const auto news = co_await reader->next();
    if (!news) co_return;
    std::string piece;
    if (news->lost) piece += to_text(lost_model(*news->lost)) + '\n';
    for (const auto& message : news->messages) {
      piece += execution_message_line(*message);
      if (piece.size() >= piece_bytes && !co_await reader->write(std::exchange(piece, {}))) co_return;
    }
    if (news->at_end) {
      nlohmann::ordered_json end = {{"type", "end"}};
      end.update(execution_result(reader->execution()));
      piece += to_text(end) + '\n';
      reader->note_complete();
    }
    if (!co_await reader->write(std::move(piece)) || news->at_end) co_return;
  }
}

Task<void> write_folded(std::shared_ptr<Reader> reader) {
  OutputFolder folder(folded_bytes);
  std::optional<LostMessages> lost;
  while (true) {
    const auto news = co_await reader->next();
    if (!news) co_return;
    if (news->lost) lost = news->lost;
    for (const auto& message : news->messages)
      folder.add(message->header_fields().msg_type, message->content());
    if (news->at_end) break;
  }
  reader->note_complete();
  auto result = execution_result(reader->execution());
  if (lost) result["lost"] = lost_model(*lost);
  if (folder.truncated()) result["truncated"] = true;
  result["outputs"] = folder.outputs();
  co_await reader->write(to_text(result));
}

nlohmann::ordered_json execution_model(const Execution& execution) {
  return {{"execution_id", execution.id()},
          {"status", to_string(execution.status())},
          {"submitted", format_timestamp(execution.submitted())},
          {"cell_id", execution.request().cell_id}};
}

}  // namespace

ExecuteHandlers::ExecuteHandlers(Executor executor, MultiKernelManager& kernels, BlockingPool& pool,
                                 Settings settings)
    : executor_(std::move(executor)),
      kernels_(kernels),
      pool_(pool),
      settings_(std::move(settings)),
      queues_(std::make_shared<Queues>()) {
  kernels_.on_kernel_removed([weak = std::weak_ptr(queues_)](const std::string& kernel_id) {
    if (const auto queues = weak.lock()) queues->erase(kernel_id);
  });
}

void ExecuteHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(post, "/api/nextgen/kernels/{kernel_id}/execute",
             [this](HttpRequest request) { return execute(std::move(request)); },
             // HttpLimits::body_bytes holds.
             {.body_limit = std::numeric_limits<std::uint64_t>::max(), .waits = true});
  router.add(get, "/api/nextgen/kernels/{kernel_id}/execute",
             [this](HttpRequest request) { return list(std::move(request)); });
  router.add(delete_, "/api/nextgen/kernels/{kernel_id}/execute/{execution_id}",
             [this](HttpRequest request) { return cancel(std::move(request)); });
}

std::shared_ptr<ExecutionQueue> ExecuteHandlers::find_queue(const std::string& kernel_id) const {
  const auto queue = queues_->find(kernel_id);
  return queue == queues_->end() ? nullptr : queue->second;
}

std::size_t ExecuteHandlers::executions(const std::string& kernel_id) const {
  const auto queue = find_queue(kernel_id);
  return queue == nullptr ? 0 : queue->list().size();
}

std::shared_ptr<ExecutionQueue> ExecuteHandlers::queue_of(const std::shared_ptr<KernelManager>& kernel) {
  auto& queue = (*queues_)[kernel->kernel_id()];
  if (queue == nullptr) queue = std::make_shared<ExecutionQueue>(executor_, kernel);
  return queue;
}

/// Large bodies are read elsewhere, so that nobody waits for it.
Task<Result<ExecuteBody>> ExecuteHandlers::read_body(std::string username, std::string text) {
  if (text.size() <= read_at_once) co_return parse_execute_body(text);
  co_return co_await pool_.run_for(std::move(username),
                                   [text = std::move(text)] { return parse_execute_body(text); });
}

Task<Result<HttpResponse>> ExecuteHandlers::execute(HttpRequest request) {
  if (!settings_.may_execute) {
    co_return error_response(http::status::forbidden,
                             "execute_request is none of MappingKernelManager.allowed_message_types");
  }
  if (const auto asked = kernels_.get_kernel(request.parameter("kernel_id")); !asked)
    co_return std::unexpected(asked.error());
  auto body = co_await read_body(request.user->username, std::move(request.body));
  if (!body) co_return std::unexpected(body.error());
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  auto queue = queue_of(*kernel);
  auto execution = queue->submit(std::move(body->request));
  if (!execution && execution.error().code == ErrorCode::resource_limit)
    co_return error_response(http::status::too_many_requests, execution.error().message);
  if (!execution) co_return std::unexpected(execution.error());

  HttpResponse response;
  const auto lines = wanted_lines(request);
  response.headers.set(http::field::content_type, lines.value_or("application/json"));
  response.headers.set(http::field::cache_control, "no-store");
  response.headers.set(http::field::location,
                       fmt::format("{}api/nextgen/kernels/{}/execute/{}", settings_.base_url,
                                   percent_encode((*kernel)->kernel_id()), (*execution)->id()));
  response.stream = [queue = std::move(queue), execution = std::move(*execution),
                     on_disconnect = body->on_disconnect,
                     as_lines = lines.has_value()](std::shared_ptr<HttpBodyWriter> writer) {
    auto reader = std::make_shared<Reader>(queue, execution, on_disconnect, std::move(writer));
    return as_lines ? write_lines(std::move(reader)) : write_folded(std::move(reader));
  };
  co_return response;
}

Task<Result<HttpResponse>> ExecuteHandlers::list(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  auto models = nlohmann::ordered_json::array();
  if (const auto queue = find_queue((*kernel)->kernel_id()))
    for (const auto& execution : queue->list()) models.push_back(execution_model(*execution));
  co_return json_response(http::status::ok, models);
}

Task<Result<HttpResponse>> ExecuteHandlers::cancel(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  const auto& execution_id = request.parameter("execution_id");
  const auto queue = find_queue((*kernel)->kernel_id());
  if (queue == nullptr)
    co_return make_error(ErrorCode::not_found, "Execution {} does not wait or run on kernel {}", execution_id,
                         (*kernel)->kernel_id());
  const auto cancelled = queue->cancel(execution_id);
  if (!cancelled) co_return std::unexpected(cancelled.error());
  const bool will_begin = *cancelled == ExecutionQueue::Cancellation::when_it_begins;
  co_return empty_response(will_begin ? http::status::accepted : http::status::no_content);
}

}  // namespace nextgen_kernels
