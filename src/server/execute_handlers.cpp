#include "server/execute_handlers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/strings.h"
#include "kernels/output_folder.h"
#include "server/execution_lines.h"
#include "server/json_fields.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr double longest_timeout = 366.0 * 24 * 3600;
constexpr std::size_t deepest_nesting = 64;
constexpr std::size_t longest_cell_id = 255;
// Lines are written together up to so many bytes.
constexpr std::size_t piece_bytes = 64 * 1024;
// What one answer with all outputs in it may hold.
constexpr std::size_t folded_bytes = std::size_t{64} * 1024 * 1024;

/// What becomes of the code when the client that waits for its outputs leaves.
enum class OnDisconnect { go_on, cancel };

struct ExecuteBody {
  ExecutionRequest request;
  OnDisconnect on_disconnect = OnDisconnect::go_on;
};

Result<void> check_names(const nlohmann::json& body) {
  static const std::vector<std::string> names = {
      "code",          "silent",  "store_history", "user_expressions", "allow_stdin",
      "stop_on_error", "timeout", "on_disconnect", "cell_id"};
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const auto meant = closest_match(name, names);
    return make_error(ErrorCode::invalid_argument, "There is no field '{}'.{}", printable(name.substr(0, 64)),
                      meant ? fmt::format(" Did you mean '{}'?", *meant) : "");
  }
  return {};
}

Result<nlohmann::json> read_user_expressions(const nlohmann::json& body) {
  const auto expressions = object_field(body, "user_expressions");
  if (!expressions) return std::unexpected(expressions.error());
  if (!*expressions) return nlohmann::json::object();
  for (const auto& [name, value] : (*expressions)->items()) {
    if (!value.is_string()) {
      return make_error(ErrorCode::invalid_argument,
                        "Field 'user_expressions' must be an object of strings: an expression is {}",
                        value.type_name());
    }
  }
  return **expressions;
}

using Timeout = std::optional<std::chrono::steady_clock::duration>;

Result<Timeout> read_timeout(const nlohmann::json& body) {
  const auto member = body.find("timeout");
  if (member == body.end() || member->is_null()) return Timeout();
  const auto seconds = member->is_number() ? member->get<double>() : 0;
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > longest_timeout) {
    return make_error(ErrorCode::invalid_argument,
                      "Field 'timeout' must be a number of seconds, more than 0 and at most {}",
                      longest_timeout);
  }
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

Result<OnDisconnect> read_on_disconnect(const nlohmann::json& body) {
  const auto text = string_field(body, "on_disconnect");
  if (!text) return std::unexpected(text.error());
  const auto choice = text->value_or("continue");
  if (choice == "continue") return OnDisconnect::go_on;
  if (choice == "cancel") return OnDisconnect::cancel;
  return make_error(ErrorCode::invalid_argument, "Field 'on_disconnect' must be \"continue\" or \"cancel\"");
}

Result<void> read_flags(const nlohmann::json& body, ExecutionRequest& request) {
  for (auto [name, flag] : {std::pair{"silent", &request.silent},
                            {"store_history", &request.store_history},
                            {"stop_on_error", &request.stop_on_error}}) {
    const auto value = bool_field(body, name);
    if (!value) return std::unexpected(value.error());
    *flag = value->value_or(*flag);
  }
  const auto allow_stdin = bool_field(body, "allow_stdin");
  if (!allow_stdin) return std::unexpected(allow_stdin.error());
  if (allow_stdin->value_or(false)) {
    return make_error(
        ErrorCode::invalid_argument,
        "Field 'allow_stdin' must be false: nobody is there to answer. Use a WebSocket for code "
        "that asks for input");
  }
  return {};
}

Result<ExecuteBody> read_body(const HttpRequest& request) {
  if (nests_deeper_than(request.body, deepest_nesting))
    return make_error(ErrorCode::invalid_argument, "The JSON in the body of the request is nested too deep");
  const auto parsed = parse_json_body(request);
  if (!parsed) return std::unexpected(parsed.error());
  const auto body = parsed->value_or(nlohmann::json::object());
  if (auto known = check_names(body); !known) return std::unexpected(known.error());
  ExecuteBody result;
  const auto code = string_field(body, "code");
  if (!code) return std::unexpected(code.error());
  if (!*code) return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: code");
  result.request.code = **code;
  if (auto read = read_flags(body, result.request); !read) return std::unexpected(read.error());
  auto expressions = read_user_expressions(body);
  if (!expressions) return std::unexpected(expressions.error());
  result.request.user_expressions = std::move(*expressions);
  const auto timeout = read_timeout(body);
  if (!timeout) return std::unexpected(timeout.error());
  result.request.timeout = *timeout;
  const auto cell_id = string_field(body, "cell_id");
  if (!cell_id) return std::unexpected(cell_id.error());
  result.request.cell_id = cell_id->value_or("");
  if (result.request.cell_id.size() > longest_cell_id)
    return make_error(ErrorCode::invalid_argument, "Field 'cell_id' must have at most {} bytes",
                      longest_cell_id);
  const auto on_disconnect = read_on_disconnect(body);
  if (!on_disconnect) return std::unexpected(on_disconnect.error());
  result.on_disconnect = *on_disconnect;
  return result;
}

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

ExecuteHandlers::ExecuteHandlers(Executor executor, MultiKernelManager& kernels, std::string base_url)
    : executor_(std::move(executor)),
      kernels_(kernels),
      base_url_(std::move(base_url)),
      queues_(std::make_shared<Queues>()) {
  kernels_.on_kernel_removed([weak = std::weak_ptr(queues_)](const std::string& kernel_id) {
    if (const auto queues = weak.lock()) queues->erase(kernel_id);
  });
}

void ExecuteHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(post, "/api/nextgen/kernels/{kernel_id}/execute",
             [this](HttpRequest request) { return execute(std::move(request)); });
  router.add(get, "/api/nextgen/kernels/{kernel_id}/execute",
             [this](HttpRequest request) { return list(std::move(request)); });
  router.add(delete_, "/api/nextgen/kernels/{kernel_id}/execute/{execution_id}",
             [this](HttpRequest request) { return cancel(std::move(request)); });
}

std::shared_ptr<ExecutionQueue> ExecuteHandlers::find_queue(const std::string& kernel_id) const {
  const auto queue = queues_->find(kernel_id);
  return queue == queues_->end() ? nullptr : queue->second;
}

std::shared_ptr<ExecutionQueue> ExecuteHandlers::queue_of(const std::shared_ptr<KernelManager>& kernel) {
  auto& queue = (*queues_)[kernel->kernel_id()];
  if (queue == nullptr) queue = std::make_shared<ExecutionQueue>(executor_, kernel);
  return queue;
}

Task<Result<HttpResponse>> ExecuteHandlers::execute(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  auto body = read_body(request);
  if (!body) co_return std::unexpected(body.error());
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
                       fmt::format("{}api/nextgen/kernels/{}/execute/{}", base_url_,
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
  if (const auto cancelled = queue->cancel(execution_id); !cancelled)
    co_return std::unexpected(cancelled.error());
  co_return empty_response(http::status::no_content);
}

}  // namespace nextgen_kernels
