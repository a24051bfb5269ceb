#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "interfaces/kernel_client.h"
#include "interfaces/kernel_provisioner.h"
#include "journal/conversation.h"
#include "kernels/kernel_event.h"
#include "kernels/kernel_record.h"
#include "kernels/launch_change.h"
#include "kernels/restart_policy.h"
#include "kernels/waiting_requests.h"
#include "kernelspecs/kernel_spec.h"
#include "runtime/event.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {

/// Settings that every kernel manager of a server shares; the names are upstream's traits.
struct KernelManagerOptions {
  std::chrono::steady_clock::duration kernel_info_timeout = std::chrono::seconds(60);
  std::chrono::steady_clock::duration shutdown_wait_time = std::chrono::seconds(5);
  RestartPolicy::Options restarts;
  Journal::Limits journal_limits;
  std::shared_ptr<JournalServices> journal_services;
  std::string client_class;            ///< Of managers that do not ask the registry.
  KernelRecorder* recorder = nullptr;  ///< Null: nobody could adopt these kernels.
  std::filesystem::path root_dir;      ///< For the records: what the paths of sessions are relative to.
};

/// KERNEL_LAUNCH_TIMEOUT: the seconds that a kernel's client gives it to answer, more than 0 and at most a
/// day; nothing for other texts.
std::optional<std::chrono::steady_clock::duration> parse_launch_timeout(std::string_view text);

/// What a kernel is started with; kept for its restarts.
struct KernelLaunch {
  std::string kernel_id;
  KernelSpec spec;
  std::map<std::string, std::string> environment;
  std::filesystem::path working_directory;
  bool is_spare = false;  ///< Started before anybody asked for it (`KernelPool`).

  /// The file or API path of the document that it is for: JPY_SESSION_NAME of its environment.
  std::string document() const;
  /// Whose kernel it is: KERNEL_USERNAME of its environment, which the server sets when it knows its users.
  std::string username() const;
  /// KERNEL_LAUNCH_TIMEOUT of its environment, if it says one: it counts instead of `kernel_info_timeout`.
  std::optional<std::chrono::steady_clock::duration> launch_timeout() const;
};

/// How a kernel came from a server that is gone to this one.
struct Adoption {
  std::string journal_id;   ///< Of the journal that went with that server.
  std::string explanation;  ///< For its listeners: what is gone.
};

/// Which client class serves a kernel, and why.
struct ClientSelection {
  std::string client_class;  ///< `module:Class`
  std::string matched_by;    ///< exact, base, fallback, or configured (a manager with a fixed client class).
  std::string explanation;   ///< One sentence for the log.
};

/// Makes the objects that class references stand for. Given by the application, the only place that knows
/// classes.
struct KernelFactories {
  /// Called before the first of the others; does what may block (loads libraries), elsewhere. May be empty.
  std::function<Task<void>(KernelSpec spec)> prepare = {};
  std::function<Result<std::unique_ptr<KernelProvisioner>>(const KernelSpec& spec, const Executor& executor)>
      make_provisioner;
  std::function<Result<std::unique_ptr<KernelClient>>(const std::string& client_class,
                                                      Conversation& conversation, const Executor& executor)>
      make_client;
};

/// How long a shutdown may take before the next step of its escalation (shutdown_request, SIGTERM, SIGKILL).
struct ShutdownPatience {
  std::chrono::steady_clock::duration total;
};

/// Why a kernel is shut down: told to its listeners when it says more than that somebody asked for it.
struct ShutdownCause {
  KernelAction action = KernelAction::shutdown;
  std::string reason = {};
};

/// One kernel: its provisioner, its client, its conversation; start, restart, interrupt, shutdown, and what
/// happens when the process ends by itself. Shared by the `MultiKernelManager` and by requests and sockets
/// that are under way while it is removed. Runs on one executor; operations on one kernel are done one after
/// the other.
///
/// Life: `start_kernel` returns when the process runs; in the background the client connects (state
/// `starting`), then messages flow (`idle`, `busy`) until the process ends: restarted (`restarting`), or
/// `dead` with a `reason`.
class KernelManager : public std::enable_shared_from_this<KernelManager> {
 public:
  KernelManager(Executor executor, KernelLaunch launch, KernelFactories factories,
                KernelManagerOptions options);
  KernelManager(const KernelManager&) = delete;
  KernelManager& operator=(const KernelManager&) = delete;
  virtual ~KernelManager();

  const std::string& kernel_id() const { return launch_.kernel_id; }
  const KernelSpec& kernel_spec() const { return launch_.spec; }

  std::string username() const { return launch_.username(); }
  std::string document() const { return launch_.document(); }
  ExecutionState execution_state() const { return conversation_->execution_state(); }
  Timestamp last_activity() const { return conversation_->last_activity(); }
  /// Why the kernel is dead, that it does not answer, or why it was restarted last; empty while there is
  /// nothing to say.
  const std::string& reason() const { return silence_.empty() ? reason_ : silence_; }
  /// Since when a kernel that should answer has said nothing; it is left alone.
  std::optional<Timestamp> silent_since() const;
  int restart_count() const { return restart_count_; }
  /// The provisioner's class reference; empty before the start.
  std::string provisioner_class() const;
  const ClientSelection& client_selection() const { return selection_; }
  nlohmann::json provisioner_info() const;
  bool has_process() const { return provisioner_ != nullptr && provisioner_->has_process(); }

  /// Listeners read the journal of this conversation; it outlives the manager as long as one holds it.
  const std::shared_ptr<Conversation>& conversation() const { return conversation_; }

  /// What the client of a WebSocket may do. One that only looks keeps no kernel from being culled.
  enum class ClientRole { user, watcher };

  /// Number of open WebSockets; kept by those who open them.
  int connections() const { return users_ + watchers_; }
  /// Those of clients that may run something.
  int users() const { return users_; }
  void add_connection(ClientRole role);
  void remove_connection(ClientRole role);

  /// Launches the process. Fails at once for what is known at once (unknown provisioner, executable not
  /// found); then nothing is left behind. A kernel that ends or does not answer later becomes `dead` with a
  /// reason.
  Task<Result<void>> start_kernel();

  /// Takes over a process of a server that is gone, in the place of `start_kernel`. Ends when it is known to
  /// be the right one and to run. When it fails, the process may run all the same: `shutdown_kernel` ends it.
  Task<Result<void>> adopt_kernel(AbandonedKernel abandoned);

  /// Whose provisioner takes a process over.
  enum class Adopter {
    its_own_class,  ///< Only one of the class that is recorded.
    any_class,      ///< Any that understands the record: of a process, who it is.
  };

  /// The same for a process that is to be ended only.
  Task<Result<void>> attach_to(AbandonedKernel abandoned, Adopter adopter);

  /// Nothing when this server has launched the kernel.
  const std::optional<Adoption>& adoption() const { return adoption_; }

  /// Ends the process and launches another; listeners, journal and client stay. Who asks while a restart is
  /// under way gets the end of that one.
  Task<Result<void>> restart_kernel();

  /// Ends when what was done to the kernel is on disk, for the server that comes after this one; at once when
  /// nothing is kept.
  Task<Result<void>> recorded();

  /// By signal or by message, as the kernel spec says. `unavailable` when it takes none now: it is starting,
  /// ending or dead.
  Task<Result<void>> interrupt_kernel();

  /// Ends the process: shutdown_request, then SIGTERM, then SIGKILL; publishes `dead` and closes the journal.
  Task<void> shutdown_kernel(ShutdownPatience patience, ShutdownCause cause = {});

  /// Kills the process, whatever else is under way; a shutdown that waits for its end goes on at once.
  Task<void> kill_process();

  /// Its process is being ended, or will be at once: what is sent to it now runs in vain.
  bool is_ending() const { return ending_process_ || restart_is_pending_; }

  /// What `restart_count` will be for the process that a request which comes now is for.
  int restart_count_of_requests() const { return restart_count_ + (restart_is_pending_ ? 1 : 0); }

  /// Ends with the state left behind `starting`: no error when requests can be answered, or why the kernel is
  /// dead.
  Task<Result<void>> wait_until_ready();

  /// Takes a listener's message for the kernel: it is sent now, or in order once the kernel is ready. What
  /// comes while a restart is asked for waits for the new process. Whatever is taken is answered: by the
  /// kernel, or in its place when it cannot be.
  ///
  /// Fails, and leaves the answer to the caller, with `unavailable` when the kernel is dead, `resource_limit`
  /// when the kernel does not take what it was sent before, and `already_exists` when another's request of
  /// the same id is under way: the replies would go astray.
  Result<void> handle_incoming_message(const OutgoingMessage& message, Audience sender);

  /// What `move_to` would have to do.
  LaunchChange plan_move(const std::map<std::string, std::string>& environment,
                         const std::filesystem::path& working_directory) const;

  /// Gives a kernel that runs and that nobody has used yet another environment and directory, also for its
  /// restarts. Fails when it cannot take them over (`plan_move`); the kernel is then of no more use.
  Task<Result<void>> move_to(std::map<std::string, std::string> environment,
                             std::filesystem::path working_directory);

  /// Updates the environment used by the next (re)start, e.g. when a session is renamed.
  void update_environment(const std::string& name, std::string value);

  /// Called once when the kernel ended because a client asked it to (`shutdown_request` on the control
  /// channel).
  std::function<void()> on_shutdown_by_client;

  /// Told of everything that is done to this kernel. Set before the start.
  KernelObserver on_event;

 protected:
  /// Chooses the client class for the provisioner just launched. Called at every (re)start, after the launch
  /// and before the client is made. The base class keeps the class it was configured with.
  virtual Result<ClientSelection> select_client(const KernelProvisioner& provisioner);

 private:
  /// Held while an operation changes the kernel; the next one waits for its end.
  class Operation {
   public:
    explicit Operation(KernelManager& manager) : manager_(manager) { manager_.operation_under_way_ = true; }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() {
      manager_.operation_under_way_ = false;
      manager_.changed_.notify_all();
    }

   private:
    KernelManager& manager_;
  };
  struct RestartUnderWay;
  /// A client's `shutdown_request`, sent to the kernel itself.
  struct RequestToEnd {
    ShutdownPurpose purpose = ShutdownPurpose::end;
    std::string message_id;
  };

  Task<std::unique_ptr<Operation>> begin_operation();
  Task<Result<void>> make_and_launch();
  LaunchRequest launch_request() const;
  Task<Result<void>> prepare_classes();
  Result<void> make_provisioner();
  Task<Result<void>> launch();
  Task<Result<ConnectionInfo>> launch_process(LaunchRequest request);
  template <typename T>
  Task<std::optional<Result<T>>> in_launch_time(std::string name, Task<Result<T>> task);
  std::unexpected<Error> no_answer(std::string_view what) const;
  Task<void> end_abandoned_launch();
  Task<void> fail_start(Error error);
  Task<Result<void>> interrupt();
  Task<Result<void>> restart();
  Result<void> choose_client();
  void on_liveness_change();
  Task<Result<KernelClient::Answer>> connect_client();
  Task<Result<KernelClient::Answer>> reach_kernel();
  std::chrono::steady_clock::duration answer_timeout() const;
  Task<void> supervise();
  Task<Result<void>> attach(AbandonedKernel abandoned, Adopter adopter);
  void take_over(const KernelRecord& record);
  void tell_adopted();
  void begin_adopted(KernelClient::Answer answer, const std::vector<std::string>& subshells);
  void begin_starting();
  Task<Result<std::vector<std::string>>> list_subshells();
  Task<std::vector<std::string>> find_subshells();
  void restore_listeners(const KernelRecord& record);
  Task<void> supervise_adopted();
  void end_wait();
  Task<void> wait_for_shell();
  Task<void> wait_for_subshell(std::string subshell_id);
  Task<void> wait_until_deleted(std::string subshell_id);
  Task<Result<void>> announce_launch();
  Task<Result<void>> confirm_start();
  void keep_record();
  void put_record();
  void forget_record();
  Task<void> give_up(std::string reason);
  /// After the process ended by itself: true when another was launched.
  Task<bool> recover();
  Task<std::optional<std::chrono::steady_clock::duration>> take_death(
      std::chrono::steady_clock::duration lived, std::string reason);
  Task<bool> launch_again(std::chrono::steady_clock::duration wait);
  std::optional<ShutdownPurpose> take_request_to_end();
  Task<void> end_process(ShutdownPurpose purpose, ShutdownPatience patience);
  Task<void> stop_supervision();
  Task<void> ask_to_end(ShutdownPurpose purpose, std::chrono::steady_clock::duration patience);
  Task<void> wait_for_killed();
  Task<bool> ends_before(std::chrono::steady_clock::time_point limit);
  Task<void> begin_restart();
  Task<void> announce_restart(std::string reason);
  Task<void> mark_ready(KernelClient::Answer answer);
  Task<void> mark_dead(std::string reason);
  Task<void> finish(ShutdownCause cause);
  void tell(KernelAction action, std::string reason) const;
  void tell(KernelAction action, const Result<void>& result) const;
  /// What became of a kernel that does not answer any more.
  struct End {
    RequestFailure::Status status = RequestFailure::Status::error;
    std::string ename;
    std::string what_happened;  ///< As in "kernel 1234 …".
  };

  bool is_id_of_another(const OutgoingMessage& message, Audience sender) const;
  bool takes_requests() const { return ready_ && !is_ending(); }
  Result<void> check_room(const OutgoingMessage& message) const;
  std::string not_sent(const OutgoingMessage& message, std::string_view what_happened) const;
  void refuse(const OutgoingMessage& message, Audience sender, const RequestFailure& failure);
  void send_to_kernel(const OutgoingMessage& message, Audience sender);
  Task<void> send_queued();
  Task<void> answer_in_place_of_kernel(End end);
  void give_up_queued() { refused_.take_over(queued_); }
  void stop_holding_requests();
  void flush_soon();

  Executor executor_;
  KernelLaunch launch_;
  KernelFactories factories_;
  KernelManagerOptions options_;
  std::shared_ptr<Conversation> conversation_;
  std::shared_ptr<KernelProvisioner> provisioner_;
  std::shared_ptr<KernelProvisioner> abandoned_;  ///< It has not answered a launch, and is to end it.
  bool needs_new_provisioner_ = false;            ///< The one at hand has not answered a launch.
  std::function<void()> give_up_launch_;          ///< While there is something to give up.
  bool shutdown_is_asked_ = false;
  std::unique_ptr<KernelClient> client_;
  ClientSelection selection_;
  ConnectionInfo connection_info_;
  WaitingRequests queued_;           ///< For this process, until it is ready.
  WaitingRequests held_;             ///< For the process after the restart that was asked for.
  WaitingRequests refused_;          ///< Being answered.
  std::deque<Request> owed_;         ///< By a process that has ended; being answered.
  bool restart_is_pending_ = false;  ///< It is asked for, and the process to be replaced has not ended.
  bool flush_is_posted_ = false;
  bool ready_ = false;  ///< The client is connected: messages go to the kernel at once.
  bool ended_ = false;  ///< For good; the journal is closed.
  bool operation_under_way_ = false;
  bool ending_process_ = false;
  std::shared_ptr<const RestartUnderWay> restart_under_way_;
  std::optional<RequestToEnd> request_to_end_;
  std::string reason_;
  std::string silence_;  ///< What there is to say while the kernel does not answer.
  int restart_count_ = 0;
  RestartPolicy restarts_;
  bool proven_ = false;          ///< It was ready once since somebody started it: it can work.
  bool has_answered_ = false;    ///< This process.
  nlohmann::json started_from_;  ///< The kernel spec that this process was launched by.
  Timestamp launched_at_;
  std::chrono::steady_clock::duration start_patience_;  ///< What is left of `answer_timeout()`.
  int launches_again_ = 0;
  int users_ = 0;
  int watchers_ = 0;
  std::vector<std::string> recorded_listeners_;
  std::string launch_token_;
  int launches_ = 0;
  bool is_recorded_ = false;  ///< A record with the token is on disk.
  std::optional<Adoption> adoption_;
  std::chrono::steady_clock::time_point started_at_;
  Event changed_;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
