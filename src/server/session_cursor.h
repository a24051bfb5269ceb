#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "journal/conversation.h"

namespace nextgen_kernels {

/// One client session's place in a kernel's journal. It outlives the session's WebSocket, so that a client
/// that comes back gets what it missed. Owned by the WebSocket, or by who keeps it meanwhile; keeps the
/// conversation alive.
class SessionCursor final : private JournalListener {
 public:
  /// Begins behind the newest message.
  SessionCursor(std::shared_ptr<Conversation> conversation, std::string_view session_id);
  SessionCursor(const SessionCursor&) = delete;
  SessionCursor& operator=(const SessionCursor&) = delete;

  /// Whom to tell of what comes; null for nobody. The listener may destroy the cursor when it is told.
  void set_listener(JournalListener* listener) { listener_ = listener; }

  /// As `Cursor::read`, after what was returned.
  Cursor::Batch read(std::size_t max_messages, std::size_t max_bytes);

  /// Takes back messages that were read but did not get to the client: the next `read` gives them again.
  void return_unsent(std::vector<JournalEntry> entries) { unsent_ = std::move(entries); }

  bool at_end() const { return unsent_.empty() && cursor_.at_end(); }
  bool journal_closed() const { return conversation_->journal().closed(); }
  Audience audience() const { return audience_; }

 private:
  void on_journal_activity() override;

  std::shared_ptr<Conversation> conversation_;
  Audience audience_;
  JournalListener* listener_ = nullptr;
  std::vector<JournalEntry> unsent_;
  Cursor cursor_;
};

}  // namespace nextgen_kernels
