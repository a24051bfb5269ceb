#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"

namespace nextgen_kernels::synthetic {

/// `echo`: nothing but the reply.
struct EchoCommand {};

/// `print TEXT`: one stream message.
struct PrintCommand {
  std::string text;
};

/// `flood COUNT SIZE` or `flood-rate COUNT SIZE PER_SECOND`: numbered stream messages with SIZE bytes of
/// text.
struct FloodCommand {
  std::uint64_t count = 0;
  std::size_t text_size = 0;
  std::optional<std::uint64_t> per_second;  ///< Without it, as fast as possible.
};

/// `buffers COUNT SIZE`: one comm_msg with COUNT buffers of SIZE bytes.
struct BuffersCommand {
  std::size_t count = 0;
  std::size_t size = 0;
};

/// `sleep MILLISECONDS`: busy until then or until interrupted.
struct SleepCommand {
  std::chrono::milliseconds duration{};
};

/// `lose-reply MILLISECONDS`: the same, and then idle without a reply, as ipykernel is when an interrupt
/// comes while it makes the reply.
struct LoseReplyCommand {
  std::chrono::milliseconds duration{};
};

/// `input PROMPT`: asks on stdin and prints the answer.
struct InputCommand {
  std::string prompt;
};

/// `bad-signature COUNT`: stream messages with a wrong signature, then a proper reply.
struct BadSignatureCommand {
  std::uint64_t count = 0;
};

/// `short-frames COUNT`: messages that end after the header, then a proper reply.
struct ShortFramesCommand {
  std::uint64_t count = 0;
};

/// `die STATUS`: exits in the middle of the request, with nothing sent or cleaned up.
struct DieCommand {
  int status = 0;
};

/// `raise-signal NUMBER`: sends itself a signal.
struct RaiseSignalCommand {
  int number = 0;
};

using Command =
    std::variant<EchoCommand, PrintCommand, FloodCommand, BuffersCommand, SleepCommand, LoseReplyCommand,
                 InputCommand, BadSignatureCommand, ShortFramesCommand, DieCommand, RaiseSignalCommand>;

/// What an execute_request's code asks for.
Result<Command> parse_command(std::string_view code);

}  // namespace nextgen_kernels::synthetic
