#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzzing.h"
#include "wire/zmtp.h"

using namespace nextgen_kernels;

namespace {

constexpr ZmtpLimits limits = {
    .kept_bytes = 1024, .kept_frames = 16, .message_bytes = 4096, .message_frames = 32};

ZmqSocketType type_of(std::uint8_t choice) {
  if ((choice & 4) != 0) return ZmqSocketType::router;
  return (choice & 1) != 0 ? ZmqSocketType::sub : ZmqSocketType::dealer;
}

struct Seen {
  std::string answers;
  std::vector<std::vector<std::string>> messages;
  bool ready = false;
  bool failed = false;
};

Seen decode(ZmqSocketType type, std::string_view stream, std::size_t piece_size) {
  ZmtpDecoder decoder(type, "id", limits);
  Seen seen;
  while (true) {
    const auto step = decoder.next();
    if (!step) {
      seen.failed = true;
      return seen;
    }
    switch (*step) {
      case ZmtpDecoder::Step::message:
        require(seen.ready && !decoder.frames().empty());
        seen.messages.emplace_back(decoder.frames().begin(), decoder.frames().end());
        break;
      case ZmtpDecoder::Step::oversized_message:
        require(seen.ready && decoder.message_size() <= limits.message_bytes);
        seen.messages.emplace_back(decoder.frames().begin(), decoder.frames().end());
        break;
      case ZmtpDecoder::Step::command:
      case ZmtpDecoder::Step::pause:
        require(seen.ready);
        break;
      case ZmtpDecoder::Step::answer:
        seen.answers += decoder.take_answer();
        break;
      case ZmtpDecoder::Step::ready:
        require(!seen.ready);
        seen.ready = true;
        break;
      case ZmtpDecoder::Step::need_more:
        if (stream.empty()) return seen;
        const auto space = decoder.space();
        require(!space.empty());
        const auto count = std::min({space.size(), stream.size(), piece_size});
        std::memcpy(space.data(), stream.data(), count);
        decoder.received(count);
        stream.remove_prefix(count);
        break;
    }
  }
}

}  // namespace

// What a peer is understood to say does not depend on how its stream is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto type = type_of(data[0]);
  const bool greeted = (data[0] & 2) != 0;
  std::string stream = greeted ? ZmtpDecoder::greeting() : std::string();
  stream += as_text(data + 1, size - 1);
  const auto whole = decode(type, stream, stream.size());
  const auto bytewise = decode(type, stream, 1);
  require(whole.failed == bytewise.failed && whole.ready == bytewise.ready);
  require(whole.messages == bytewise.messages && whole.answers == bytewise.answers);
  for (const auto& message : whole.messages) {
    std::size_t bytes = 0;
    for (const auto& frame : message) bytes += frame.size();
    require(bytes <= limits.message_bytes && message.size() <= limits.message_frames);
  }
  return 0;
}
