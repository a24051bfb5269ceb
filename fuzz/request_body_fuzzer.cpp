#include <string>

#include "fuzzing.h"
#include "server/event_body.h"
#include "server/event_bus.h"
#include "server/execute_body.h"
#include "server/message_query.h"
#include "server/session_body.h"

using namespace nextgen_kernels;

// Whatever a body or a query is: it is refused, or what comes of it keeps its bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  HttpRequest request;
  request.body = as_text(data, size);
  if (const auto body = parse_execute_body(request.body)) {
    require(body->request.cell_id.size() <= 255);
    require(!body->request.timeout || body->request.timeout->count() > 0);
    require(body->request.user_expressions.is_object());
  }
  if (const auto session = parse_session_body(request)) {
    require(!session->kernel_id || !session->kernel_id->empty());
    require(!session->kernel_name || !session->kernel_name->empty());
  }
  if (const auto event = parse_event_body(request)) {
    require(event->data.is_object());
    EventBus bus;
    const auto emitted = bus.emit(event->schema_id, event->version, event->data, event->timestamp);
    require(emitted || !emitted.error().message.empty());
  }
  if (!parse_target("/?" + request.body, request)) return 0;
  if (const auto query = MessageQuery::parse(request))
    require(query->limit >= 1 && query->limit <= MessageQuery::largest_limit);
  return 0;
}
