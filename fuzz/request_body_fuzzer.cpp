#include <string>

#include "fuzzing.h"
#include "server/execute_body.h"
#include "server/message_query.h"
#include "server/session_body.h"

using namespace nextgen_kernels;

// Whatever a body or a query is: it is refused, or what comes of it keeps its bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  HttpRequest request;
  request.body = as_text(data, size);
  if (const auto body = parse_execute_body(request)) {
    require(body->request.cell_id.size() <= 255);
    require(!body->request.timeout || body->request.timeout->count() > 0);
    require(body->request.user_expressions.is_object());
  }
  if (const auto session = parse_session_body(request)) {
    require(!session->kernel_id || !session->kernel_id->empty());
    require(!session->kernel_name || !session->kernel_name->empty());
  }
  if (!parse_target("/?" + request.body, request)) return 0;
  if (const auto query = MessageQuery::parse(request))
    require(query->limit >= 1 && query->limit <= MessageQuery::largest_limit);
  return 0;
}
