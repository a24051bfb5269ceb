#pragma once

#include <string_view>

#include "journal/request_failure.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// Takes what a kernel client receives from its kernel: the kernel's `Conversation`, or something on the way
/// to it. Called on the kernel's executor.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  /// A message arrived from the kernel.
  virtual void receive(Message::Pointer message) = 0;

  /// Answers a request under way in the place of the kernel, which does not get it. False when no request of
  /// this id is under way.
  virtual bool refuse_request(std::string_view message_id, const RequestFailure& failure) = 0;

  /// A batch has ended: listeners hear of it now.
  virtual void flush() = 0;
};

}  // namespace nextgen_kernels
