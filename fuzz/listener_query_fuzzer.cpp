#include <string>

#include "fuzzing.h"
#include "server/listener_query.h"

using namespace nextgen_kernels;

// A resume point that is understood is what its parts give again, but for leading zeros.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  if (const auto point = parse_resume_point(text)) {
    const auto again =
        parse_resume_point(stream_id(point->journal_id, point->stream) + ":" + std::to_string(point->frame));
    require(again && again->journal_id == point->journal_id && again->stream == point->stream &&
            again->frame == point->frame);
  }
  if (const auto replay = parse_replay(text)) require(replay->kind != ReplayRequest::Kind::nothing);
  if (const auto number = parse_number(text))
    require(!text.empty() && std::to_string(*number).size() <= size);

  HttpRequest request;
  if (!parse_target("/?" + std::string(text), request)) return 0;
  const auto query = ListenerQuery::parse(request);
  if (query) require(!query->resume_from || query->replay.kind == ReplayRequest::Kind::nothing);
  return 0;
}
