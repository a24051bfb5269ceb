#include "server/kernel_websocket_handlers.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/random.h"
#include "server/user.h"
#include "server/websocket_handshake.h"

namespace nextgen_kernels {

/// Where a client begins: what the number of its first frame is, and which message that frame is of.
struct KernelWebSocketHandlers::Beginning {
  std::string session_id = {};
  FrameNumber frame = 0;
  MessageNumber position = 0;
  std::optional<RequestIds> only_requests = std::nullopt;
  std::string notice = {};  ///< What the client should know of it.
};

KernelWebSocketHandlers::KernelWebSocketHandlers(const Executor& executor, MultiKernelManager& kernels,
                                                 const OriginPolicy& origins, Seats& seats,
                                                 const KernelWebSocketSettings& settings)
    : kernels_(kernels), origins_(origins), seats_(seats), settings_(settings), socket_ended_(executor) {}

KernelWebSocketHandlers::~KernelWebSocketHandlers() {
  const auto sockets = std::move(sockets_);
  for (const auto& [key, open] : sockets) {
    open.socket->on_ended = nullptr;
    open.socket->end();
  }
}

void KernelWebSocketHandlers::add_routes(Router& router) {
  router.add(http::verb::get, "/api/kernels/{kernel_id}/channels",
             [this](HttpRequest request) { return open(std::move(request)); });
}

Task<Result<HttpResponse>> KernelWebSocketHandlers::open(HttpRequest request) {
  using namespace asio::experimental::awaitable_operators;
  auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  if (closing_) co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  if (const auto allowed = origins_.check_origin(request); !allowed)
    co_return std::unexpected(allowed.error());
  auto query = ListenerQuery::parse(request);
  if (!query) co_return std::unexpected(query.error());

  auto accepted = accept_websocket(request);
  if (!accepted) co_return std::move(accepted.error());
  auto seat = take_websocket_seat(seats_);
  if (!seat) co_return std::unexpected(seat.error());
  KernelWebSocketClient client{
      .session_id = {}, .protocol = KernelWebSocketProtocol::legacy, .read_only = request.user->read_only};
  if (request.header_lists("Sec-WebSocket-Protocol", v1_subprotocol)) {
    client.protocol = KernelWebSocketProtocol::v1;
    accepted->headers.set(http::field::sec_websocket_protocol, v1_subprotocol);
  }
  if (client.protocol == KernelWebSocketProtocol::legacy) {
    // As Jupyter Server does: its gateway client (nbclient and papermill use it) takes a kernel for broken
    // when the first reply takes longer than a second, so it should not be let in before the kernel answers.
    // What it asks of one that takes very long is sent when it does.
    co_await ((*kernel)->wait_until_ready() || sleep_for(settings_.handshake_patience));
  }

  const auto& conversation = (*kernel)->conversation();
  auto beginning = find_beginning(**kernel, *query, *request.user);
  if (!beginning) co_return std::move(beginning.error());
  client.session_id = std::move(beginning->session_id);
  const auto listener = listener_name(*request.user, client.session_id);
  client.greeting = std::move(beginning->notice);
  const auto stream = conversation->places().new_stream();
  accepted->headers.set("Nextgen-Kernels-Journal", stream_id(conversation->journal().id(), stream));
  accepted->headers.set("Nextgen-Kernels-First-Frame", std::to_string(beginning->frame));
  accepted->headers.set("Nextgen-Kernels-Epoch", std::to_string(conversation->journal().epoch()));

  CursorOptions reading{.audience = conversation->audience_of(listener),
                        .filter = std::move(query->filter),
                        .from = beginning->position,
                        .only_requests = std::move(beginning->only_requests)};
  accepted->upgrade = [this, kernel = std::move(*kernel), client = std::move(client), listener, stream,
                       frame = beginning->frame, reading = std::move(reading),
                       seat = std::move(*seat)](ClientSocket tcp, std::string received) mutable {
    auto place = kernel->conversation()->places().open(stream, listener, FrameAccount(frame, *reading.from));
    adopt(std::move(tcp), received, std::move(kernel), std::move(client), std::move(place),
          std::move(reading), std::move(seat));
  };
  co_return std::move(*accepted);
}

std::expected<KernelWebSocketHandlers::Beginning, HttpResponse> KernelWebSocketHandlers::find_beginning(
    const KernelManager& kernel, const ListenerQuery& query, const User& user) const {
  if (query.resume_from) return resume(kernel, query, user);
  auto& conversation = *kernel.conversation();
  const auto& journal = conversation.journal();
  const auto begin_at = [&](MessageNumber number) {
    return Beginning{.session_id = query.session_id.empty() ? random_uuid() : query.session_id,
                     .frame = number,
                     .position = number};
  };
  switch (query.replay.kind) {
    case ReplayRequest::Kind::all:
      return begin_at(journal.first_number());
    case ReplayRequest::Kind::since:  // What is not kept any more is no loss of who comes now.
      return begin_at(
          std::clamp<MessageNumber>(query.replay.since, journal.first_number(), journal.next_number()));
    case ReplayRequest::Kind::running: {
      auto running = conversation.requests().running(journal.next_number());
      auto beginning = begin_at(std::max(running.since, journal.first_number()));
      beginning.only_requests = std::move(running.ids);
      return beginning;
    }
    case ReplayRequest::Kind::nothing:
      break;
  }
  // A session that comes back goes on after what it is known to have.
  auto beginning = begin_at(journal.next_number());
  if (query.session_id.empty() || !settings_.buffer_offline_messages) return beginning;
  const auto& places = conversation.places();
  const auto listener = listener_name(user, query.session_id);
  if (const auto position = places.position_of(listener)) {
    beginning.frame = position->frame;
    beginning.position = position->message;
  } else if (places.sessions().is_forgotten(listener)) {
    beginning.notice =
        "What the kernel said while this session was away is not shown: so many others came meanwhile that "
        "it is not known any more where this one was.";
  }
  return beginning;
}

std::expected<KernelWebSocketHandlers::Beginning, HttpResponse> KernelWebSocketHandlers::resume(
    const KernelManager& kernel, const ListenerQuery& query, const User& user) {
  const auto& point = *query.resume_from;
  auto& conversation = *kernel.conversation();
  const auto& id = conversation.journal().id();
  const auto gone = [](std::string text) {
    return std::unexpected(
        error_response(http::status::gone, text + " Connect without resume_from, or with replay=all."));
  };
  if (const auto& adoption = kernel.adoption(); adoption && adoption->journal_id == point.journal_id)
    return gone(adoption->explanation);
  if (point.journal_id != id) {
    return gone(
        fmt::format("resume_from names the journal {}, but this kernel's is {}: it is another kernel, or "
                    "it was started anew.",
                    point.journal_id, id));
  }
  const auto place = conversation.places().find(point.stream);
  if (place == nullptr)
    return gone(fmt::format("resume_from names connection {}, which is not known (any more).", point.stream));
  const auto wrong = [](std::string text) {
    return std::unexpected(error_response(http::status::bad_request, std::move(text)));
  };
  const std::string session(query.session_id.empty() ? session_of(place->listener) : query.session_id);
  if (listener_name(user, session) != place->listener) {
    return wrong(
        "resume_from names a connection of another session: replies are for the session that asked. Give "
        "the session_id of that connection, or none.");
  }
  if (point.frame < place->frames.first() || point.frame > place->frames.next()) {
    return wrong(
        fmt::format("resume_from asks for frame {}, but the connection began with frame {}, and was sent "
                    "nothing beyond frame {}",
                    point.frame, place->frames.first(), place->frames.next() - 1));
  }
  const auto position = place->frames.position_of(point.frame);
  if (!position)
    return gone(fmt::format("resume_from asks for frame {}, of which it is not known any more what it was.",
                            point.frame));
  return Beginning{.session_id = session, .frame = point.frame, .position = *position};
}

void KernelWebSocketHandlers::adopt(ClientSocket tcp, const std::string& received,
                                    std::shared_ptr<KernelManager> kernel, KernelWebSocketClient client,
                                    std::shared_ptr<ListenerPlace> place, CursorOptions reading, Seat seat) {
  const auto socket =
      std::make_shared<KernelWebSocket>(std::move(tcp), std::move(kernel), std::move(client),
                                        std::move(place), std::move(reading), settings_, breaking_sessions_);
  sockets_.emplace(socket.get(), OpenSocket{socket, std::move(seat)});
  socket->on_ended = [this](KernelWebSocket& ended) { remove(ended); };
  socket->start(received);
  if (closing_) socket->close(websocket_close::service_restart, "The server is shutting down");
}

void KernelWebSocketHandlers::remove(KernelWebSocket& socket) {
  const auto kept = std::move(sockets_.extract(&socket).mapped());
  socket_ended_.notify_all();
}

Task<void> KernelWebSocketHandlers::close_all(std::uint16_t code, std::string reason) {
  closing_ = true;
  std::vector<std::shared_ptr<KernelWebSocket>> sockets;
  for (const auto& [key, open] : sockets_) sockets.push_back(open.socket);
  for (const auto& socket : sockets) socket->close(code, reason);
  sockets.clear();
  while (!sockets_.empty()) co_await socket_ended_.wait();
}

}  // namespace nextgen_kernels
