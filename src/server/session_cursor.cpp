#include "server/session_cursor.h"

#include <utility>

namespace nextgen_kernels {

SessionCursor::SessionCursor(std::shared_ptr<Conversation> conversation, std::string_view session_id)
    : conversation_(std::move(conversation)),
      audience_(conversation_->audience_of(session_id)),
      cursor_(conversation_->journal(), *this, {.audience = audience_}) {}

Cursor::Batch SessionCursor::read(std::size_t max_messages, std::size_t max_bytes) {
  if (unsent_.empty()) return cursor_.read(max_messages, max_bytes);
  return {.entries = std::exchange(unsent_, {}), .lost = std::nullopt};
}

void SessionCursor::on_journal_activity() {
  if (listener_ != nullptr) listener_->on_journal_activity();
}

}  // namespace nextgen_kernels
