#include "server/event_handlers.h"

#include <charconv>
#include <map>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "server/event_body.h"
#include "server/websocket_handshake.h"

namespace nextgen_kernels {
namespace {

constexpr int longest_usage_interval = 3600;

/// Seconds between reports of resource usage; 0 for none.
Result<std::chrono::seconds> read_usage_interval(const HttpRequest& request) {
  const auto text = request.query_value("resource_usage");
  if (!text) return std::chrono::seconds(0);
  int seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size() || seconds < 1 ||
      seconds > longest_usage_interval)
    return make_error(ErrorCode::invalid_argument,
                      "resource_usage must be a whole number of seconds from 1 to {}",
                      longest_usage_interval);
  return std::chrono::seconds(seconds);
}

}  // namespace

EventHandlers::EventHandlers(const Executor& executor, EventBus& bus, MultiKernelManager& kernels,
                             ResourceMonitor& resources, const OriginPolicy& origins, Seats& seats,
                             EventWebSocket::Settings settings)
    : executor_(executor),
      bus_(bus),
      kernels_(kernels),
      resources_(resources),
      origins_(origins),
      seats_(seats),
      settings_(settings),
      tasks_(executor) {}

void EventHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/events/subscribe",
             [this](HttpRequest request) { return this->subscribe(std::move(request)); });
  router.add(post, "/api/events", [this](HttpRequest request) { return emit(std::move(request)); });
  router.add(get, "/api/nextgen/events/schemas",
             [this](HttpRequest request) { return list_schemas(std::move(request)); });
}

Task<Result<HttpResponse>> EventHandlers::subscribe(HttpRequest request) {
  if (closing_) co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  if (const auto allowed = origins_.check_origin(request); !allowed)
    co_return std::unexpected(allowed.error());
  const auto interval = read_usage_interval(request);
  if (!interval) co_return std::unexpected(interval.error());
  auto accepted = accept_websocket(request);
  if (!accepted) co_return std::move(accepted.error());
  auto seat = take_websocket_seat(seats_);
  if (!seat) co_return std::unexpected(seat.error());
  // It hears what happens while it is told that it is let in, too.
  auto socket = std::make_shared<EventWebSocket>(executor_, request.user, bus_, settings_);
  accepted->upgrade = [this, socket = std::move(socket), user = request.user, interval = *interval,
                       seat = std::move(*seat)](ClientSocket tcp, std::string received) mutable {
    tasks_.spawn("event listener", serve(std::move(socket), std::move(tcp), std::move(received), user,
                                         interval, std::move(seat)));
  };
  co_return std::move(*accepted);
}

Task<void> EventHandlers::serve(std::shared_ptr<EventWebSocket> socket, ClientSocket tcp,
                                std::string received, UserPointer user, std::chrono::seconds usage_interval,
                                Seat) {
  using namespace asio::experimental::awaitable_operators;
  const StableList<EventWebSocket>::Membership membership(sockets_, *socket);
  if (closing_) socket->close(websocket_close::service_restart, "The server is shutting down");
  if (usage_interval > std::chrono::seconds(0))
    co_await (socket->serve(std::move(tcp), std::move(received)) ||
              tell_usage(socket.get(), user, usage_interval));
  else
    co_await socket->serve(std::move(tcp), std::move(received));
}

/// Ends by cancellation.
Task<void> EventHandlers::tell_usage(EventWebSocket* socket, UserPointer user,
                                     std::chrono::seconds interval) {
  std::map<std::string, ResourceMonitor::Look> told;  // By kernel; what this client was told last.
  while (true) {
    co_await resources_.refresh();
    const auto before = std::exchange(told, {});
    for (const auto& kernel : kernels_.list_kernels()) {
      if (!user->has_kernels_of(kernel->username())) continue;
      const auto look = resources_.look_at(*kernel);
      if (!look) continue;
      const auto earlier = before.find(kernel->kernel_id());
      auto event = ResourceMonitor::usage_between(
          earlier == before.end() ? std::nullopt : std::optional(earlier->second), *look);
      told.emplace(kernel->kernel_id(), *look);
      if (event["cpu_percent"].is_null()) event.erase("cpu_percent");
      event["kernel_id"] = kernel->kernel_id();
      event["kernel_name"] = kernel->kernel_spec().name;
      socket->send(EventBus::to_text(resource_usage_schema, "1", event, Timestamp::clock::now()));
    }
    co_await sleep_for(interval);
  }
}

Task<Result<HttpResponse>> EventHandlers::emit(HttpRequest request) {
  const auto& user = *request.user;
  if (!user.all_kernels) {
    co_return make_error(
        ErrorCode::permission_denied,
        "Events tell what is done to kernels: who does not have all of them may not post any");
  }
  const auto event = parse_event_body(request);
  if (!event) co_return std::unexpected(event.error());
  const auto kernel_id = event->data.find("kernel_id");
  const auto kernel = kernel_id == event->data.end() || !kernel_id->is_string()
                          ? nullptr
                          : kernels_.find_kernel(kernel_id->get_ref<const std::string&>());
  const auto owner = kernel == nullptr ? user.username : kernel->username();
  const auto emitted = bus_.emit(event->schema_id, event->version, event->data, event->timestamp, owner);
  if (!emitted) co_return std::unexpected(emitted.error());
  co_return empty_response(http::status::no_content);
}

Task<Result<HttpResponse>> EventHandlers::list_schemas(HttpRequest) {
  auto schemas = nlohmann::ordered_json::array();
  for (const auto& schema : bus_.schemas()) schemas.push_back(schema.to_json());
  co_return json_response(http::status::ok, schemas);
}

Task<void> EventHandlers::close_all(std::uint16_t code, std::string reason) {
  closing_ = true;
  sockets_.for_each([&](EventWebSocket& socket) { socket.close(code, reason); });
  using namespace asio::experimental::awaitable_operators;
  // A client that reads nothing never hears it.
  co_await (tasks_.join() || sleep_for(2 * settings_.close_timeout));
  tasks_.cancel();
  co_await tasks_.join();
}

}  // namespace nextgen_kernels
