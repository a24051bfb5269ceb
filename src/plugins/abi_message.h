#pragma once

#include <vector>

#include <nextgen_kernels/abi.h>

#include "base/error.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// A message as plugins see it: views into the message that it was made of, which must outlive it.
class AbiMessage {
 public:
  /// A message of a kernel; `number` is its place in the journal, or 0.
  explicit AbiMessage(const Message::Pointer& message, std::uint64_t number = 0);
  /// A client's message.
  explicit AbiMessage(const OutgoingMessage& message);
  AbiMessage(const AbiMessage&) = delete;
  AbiMessage& operator=(const AbiMessage&) = delete;

  const nk_message* get() const { return &abi_; }

  /// What `nk_message::origin` points to.
  struct Origin {
    const Message::Pointer* received = nullptr;
    const OutgoingMessage* outgoing = nullptr;
  };

 private:
  Origin origin_;
  std::vector<nk_string> buffers_;
  nk_message abi_{};
};

/// The message that a plugin gives to a kernel's clients: one of ours that it passes on, or one that it made.
/// Fails with ErrorCode::protocol when it is malformed.
Result<Message::Pointer> received_message_of(const nk_message& message);

/// The message that a plugin sends to a kernel, likewise.
Result<OutgoingMessage> outgoing_message_of(const nk_message& message);

}  // namespace nextgen_kernels
