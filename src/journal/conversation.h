#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "journal/cursor.h"
#include "journal/journal.h"
#include "journal/listener_places.h"
#include "journal/message_sink.h"
#include "journal/request_failure.h"
#include "journal/request_table.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// Jupyter's `execution_state` (REST kernel model, `status` messages).
enum class ExecutionState { starting, idle, busy, restarting, dead };

std::string_view to_string(ExecutionState state);

/// Everything said between one kernel and its listeners, for the kernel's whole life: its journal, the
/// requests that are under way, its execution state. Kernel clients put in what they receive; listeners read
/// the journal. It survives restarts, reconnects and a change of the client class. Owned by the kernel's
/// manager and, because they drain what is left, by the listeners; touched on the kernel's executor only.
class Conversation : public MessageSink {
 public:
  explicit Conversation(Journal::Limits limits, std::shared_ptr<JournalServices> services = nullptr)
      : journal_(limits, std::move(services)) {}

  Journal& journal() { return journal_; }
  const Journal& journal() const { return journal_; }

  /// Where the clients stand, those that are gone too.
  ListenerPlaces& places() { return places_; }
  const ListenerPlaces& places() const { return places_; }

  /// The audience of a listener: the same for the same name. That is a client's session (`session_id` of a
  /// WebSocket, `session` of a header), and after a space whose session it is, if the server has several
  /// users, and after another one "read-only" when this user may ask nothing: `ListenerName`.
  Audience audience_of(std::string_view listener) { return places_.sessions().audience_of(listener); }

  /// A listener's request is about to go to the kernel. True when it is the first that names its session:
  /// `SessionTable::note_asker`.
  bool record_request(const OutgoingMessage& message, Audience sender);

  /// The kernel will not answer it (any more).
  void give_up_request(std::string_view message_id) { requests_.give_up(message_id); }

  /// Answers a message that does not go to the kernel, as the kernel would: it is busy, it fails, it is idle.
  /// A message that has no reply is answered by a notice. Only its sender is told, at the next `flush`.
  void refuse(const OutgoingMessage& message, Audience sender, const RequestFailure& failure);

  /// The same for a request that was recorded.
  bool refuse_request(std::string_view message_id, const RequestFailure& failure) override;

  /// The process has ended: takes what it owed from the table, for `answer_abandoned`.
  std::vector<Request> abandon_requests() { return requests_.abandon_all(); }

  /// Says what the process that has ended had not said of a request. The listeners hear of it at the next
  /// `flush`.
  void answer_abandoned(const Request& request, const RequestFailure& failure);

  /// A message arrived from the kernel: routed, looked at for what it says of the state, and journaled.
  /// The listeners hear of it at the next `flush`.
  void receive(Message::Pointer message) override;
  void flush() override { journal_.notify(); }

  /// Puts a `status` message of ours into the journal, for everybody, and takes over the state.
  void publish_status(ExecutionState state);

  /// Puts a `stream` message to stderr into the journal, for everybody.
  void publish_notice(std::string_view text);

  /// The same for one audience, as an output of the request whose header is given ("{}" for none).
  void publish_notice_to(Audience audience, std::string_view text, std::string_view parent_header);

  /// A new process answers from now on, in a new epoch of the journal: what was asked of the old one will
  /// not be answered.
  void begin_process();

  /// The kernel is restarted because somebody asked for it: unlike after a death, no status tells the
  /// listeners.
  void begin_restart() { state_ = ExecutionState::starting; }

  /// The process has answered: it can take requests.
  void process_ready();

  /// One of the kernel's shells runs something that was asked for before our time: the kernel is busy until
  /// it has answered (`note_answer`), whatever else begins and ends meanwhile.
  void expect_answer() { ++expected_answers_; }

  /// A shell of which that was said has answered a request behind what it ran.
  void note_answer();
  bool expects_answer() const { return expected_answers_ > 0; }

  /// The kernel begins to be somebody's: its idle time counts from now.
  void note_activity();

  /// For how long nothing has happened that counts as activity: by a clock that nobody sets and that stands
  /// still while the machine is suspended, unlike that of `last_activity`.
  std::chrono::steady_clock::duration idle_time() const {
    return std::chrono::steady_clock::now() - active_at_;
  }

  /// So much of the idle time is to be forgotten: nobody could have been heard then.
  void forgive_idle_time(std::chrono::steady_clock::duration missed);

  ExecutionState execution_state() const { return state_; }
  Timestamp last_activity() const { return last_activity_; }
  const RequestTable& requests() const { return requests_; }

 private:
  Request make_request_entry(const OutgoingMessage& message, Audience sender) const;
  std::shared_ptr<const RequestOrigin> origin_of(const Message& message) const;
  Audience route(const Message& message);
  void follow_status(const Message& message);
  void note_busy(std::string_view request_id);
  void note_idle(std::string_view request_id);
  ExecutionState working_state() const;
  void publish(Audience audience, std::string_view message_type, std::string_view content,
               std::string_view parent_header);
  /// Where a message of ours belongs.
  struct Place {
    Channel channel = Channel::iopub;
    Audience audience = Audience::everybody;
    std::string_view parent_header = "{}";
    std::shared_ptr<const RequestOrigin> origin = {};
  };
  void append(Place place, std::string_view message_type, std::string_view content);
  void append_status(const Request& request, std::string_view content);
  /// Shows a failure where the user waits for outputs.
  void append_output(const Request& request, const RequestFailure& failure);
  void append_answer(const Request& request, const RequestFailure& failure);

  Journal journal_;
  ListenerPlaces places_;
  RequestTable requests_;
  std::deque<std::string> busy_requests_;  // What the kernel runs, by id; the newest last.
  std::size_t expected_answers_ = 0;
  ExecutionState state_ = ExecutionState::starting;
  Timestamp last_activity_ = Timestamp::clock::now();
  std::chrono::steady_clock::time_point active_at_ = std::chrono::steady_clock::now();
};

}  // namespace nextgen_kernels
