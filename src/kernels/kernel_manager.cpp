#include "kernels/kernel_manager.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>
#include <variant>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <signal.h>

#include "base/log.h"
#include "base/strings.h"
#include "kernelspecs/launch_template.h"
#include "kernelspecs/python_environment.h"

namespace nextgen_kernels {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using std::chrono::steady_clock;

// Launches that end before the kernel can be reached, while the next one goes another way.
constexpr int launch_attempts = 5;
constexpr auto interrupt_reply_patience = std::chrono::seconds(5);
constexpr auto move_patience = std::chrono::seconds(2);
constexpr auto kill_patience = std::chrono::seconds(5);

/// Calls a function when the scope ends, also when a coroutine is cancelled.
class OnExit {
 public:
  explicit OnExit(std::function<void()> call) : call_(std::move(call)) {}
  OnExit(const OnExit&) = delete;
  OnExit& operator=(const OnExit&) = delete;
  ~OnExit() { call_(); }

 private:
  std::function<void()> call_;
};

constexpr std::string_view last_output_follows = " Its last output:\n";

/// Without what a process printed, which goes on for lines: for what is said of every request.
std::string summary_of(std::string_view reason) {
  return std::string(reason.substr(0, std::min(reason.find(last_output_follows), reason.find('\n'))));
}

/// What happened to a process, with what it printed last.
std::string with_last_output(std::string text, const KernelProvisioner& provisioner) {
  const auto output = provisioner.output_tail();
  if (const auto shown = trim(output); !shown.empty())
    text = fmt::format("{}{}{}", as_sentence(text), last_output_follows, shown);
  if (const auto advice = explain_missing_ipykernel(output); !advice.empty()) text += "\n" + advice;
  return text;
}

}  // namespace

/// A restart that several may wait for.
struct KernelManager::RestartUnderWay {
  std::optional<Result<void>> result;
};

KernelManager::KernelManager(Executor executor, KernelLaunch launch, KernelFactories factories,
                             KernelManagerOptions options)
    : executor_(executor),
      launch_(std::move(launch)),
      factories_(std::move(factories)),
      options_(std::move(options)),
      conversation_(std::make_shared<Conversation>(options_.journal_limits, options_.journal_services)),
      restarts_(options_.restarts),
      start_patience_(answer_timeout()),
      changed_(executor),
      tasks_(executor) {}

KernelManager::~KernelManager() {
  // Of a kernel that was never started, listeners hear here that nothing will come.
  if (!conversation_->journal().closed()) conversation_->journal().close();
}

std::string KernelManager::provisioner_class() const {
  return provisioner_ == nullptr ? std::string() : std::string(provisioner_->class_reference());
}

nlohmann::json KernelManager::provisioner_info() const {
  return provisioner_ == nullptr ? nlohmann::json::object() : provisioner_->get_provisioner_info();
}

Result<ClientSelection> KernelManager::select_client(const KernelProvisioner&) {
  return ClientSelection{.client_class = options_.client_class,
                         .matched_by = "configured",
                         .explanation = "this manager has one client class"};
}

Task<std::unique_ptr<KernelManager::Operation>> KernelManager::begin_operation() {
  while (operation_under_way_) co_await changed_.wait();
  co_return std::make_unique<Operation>(*this);
}

void KernelManager::tell(KernelAction action, std::string reason) const {
  if (!on_event) return;
  on_event({.action = action,
            .kernel_id = kernel_id(),
            .kernel_name = launch_.spec.name,
            .reason = std::move(reason)});
}

void KernelManager::tell(KernelAction action, const Result<void>& result) const {
  if (result) return tell(action, std::string());
  if (!on_event) return;
  on_event({.action = action,
            .outcome = KernelEvent::Outcome::error,
            .kernel_id = kernel_id(),
            .kernel_name = launch_.spec.name,
            .reason = result.error().message,
            .error = result.error().code});
}

Task<Result<void>> KernelManager::start_kernel() {
  const auto self = shared_from_this();
  const auto operation = co_await begin_operation();
  auto launched = co_await make_and_launch();
  if (launched) launched = co_await confirm_start();
  if (launched)
    tasks_.spawn("supervise kernel " + kernel_id(), supervise());
  else
    co_await fail_start(launched.error());
  tell(KernelAction::start, launched);
  co_return launched;
}

Task<Result<void>> KernelManager::make_and_launch() {
  if (auto prepared = co_await prepare_classes(); !prepared) co_return prepared;
  if (auto made = make_provisioner(); !made) co_return made;
  co_return co_await launch();
}

LaunchRequest KernelManager::launch_request() const {
  return {.spec = launch_.spec,
          .kernel_id = launch_.kernel_id,
          .environment = launch_.environment,
          .working_directory = launch_.working_directory};
}

/// Listeners that came meanwhile hear that there will be no kernel.
Task<void> KernelManager::fail_start(Error error) {
  ended_ = true;
  reason_ = std::move(error.message);
  forget_record();
  conversation_->publish_notice(fmt::format("The kernel did not start. {}\n", reason_));
  queued_.take_over(held_);
  give_up_queued();
  co_await answer_in_place_of_kernel(
      {.ename = std::string(dead_kernel_error), .what_happened = "did not start. " + summary_of(reason_)});
  conversation_->publish_status(ExecutionState::dead);
  conversation_->journal().close();
  changed_.notify_all();
}

Task<Result<void>> KernelManager::launch() {
  ready_ = false;
  has_answered_ = false;
  silence_.clear();
  conversation_->begin_process();
  started_from_ = origin_of(launch_.spec);
  if (auto announced = co_await announce_launch(); !announced) co_return announced;
  auto request = launch_request();
  if (is_recorded_) {
    request.environment.insert_or_assign(
        std::string(LaunchMark::variable),
        LaunchMark{.token = launch_token_, .number = ++launches_}.to_string());
  }
  auto info = co_await launch_process(std::move(request));
  if (!info) co_return std::unexpected(info.error());
  connection_info_ = std::move(*info);
  started_at_ = steady_clock::now();
  launched_at_ = Timestamp::clock::now();
  start_patience_ = answer_timeout();
  auto chosen = choose_client();
  if (chosen) {
    keep_record();
  } else {
    // Nobody can talk to what was launched.
    std::ignore = co_await provisioner_->kill(ShutdownPurpose::end);
    co_await wait_for_killed();
    co_await provisioner_->cleanup(ShutdownPurpose::end);
  }
  co_return chosen;
}

Result<void> KernelManager::choose_client() {
  auto selection = select_client(*provisioner_);
  if (selection && (client_ == nullptr || client_->class_reference() != selection->client_class)) {
    auto client = factories_.make_client(selection->client_class, *conversation_, executor_);
    if (client) {
      client_ = std::move(*client);
      client_->on_liveness_change = [this] { on_liveness_change(); };
    } else {
      selection = std::unexpected(client.error());
    }
  }
  if (!selection) return std::unexpected(selection.error());
  selection_ = std::move(*selection);
  log_info("Kernel {} ({}): provisioner {}, client {}, matched by {}: {}", kernel_id(), launch_.spec.name,
           provisioner_->class_reference(), selection_.client_class, selection_.matched_by,
           selection_.explanation);
  return {};
}

Task<void> KernelManager::supervise() {
  const auto self = shared_from_this();
  while (true) {
    auto first_end = co_await (connect_client() || provisioner_->wait());
    if (auto* connected = std::get_if<Result<KernelClient::Answer>>(&first_end)) {
      if (*connected) {
        std::ignore =
            co_await recorded();  // Before anything is sent: the next server finds the answers by it.
        co_await mark_ready(**connected);
        co_await provisioner_->wait();
      } else if (provisioner_->why_launch_again().empty()) {
        co_await give_up(connected->error().message);
        co_return;
      } else {
        std::ignore = co_await provisioner_->kill(ShutdownPurpose::restart);
        co_await wait_for_killed();
      }
    }
    if (!co_await recover()) co_return;
  }
}

Task<Result<KernelClient::Answer>> KernelManager::connect_client() {
  auto info = co_await provisioner_->complete_connection(connection_info_, start_patience_);
  if (!info) co_return std::unexpected(info.error());
  if (*info != connection_info_) {
    connection_info_ = std::move(*info);
    keep_record();
  }
  auto answer = co_await reach_kernel();
  if (answer) {
    has_answered_ = true;
    provisioner_->on_kernel_answered(connection_info_);
    keep_record();
  }
  co_return answer;
}

Task<Result<KernelClient::Answer>> KernelManager::reach_kernel() {
  // A kernel that somebody else started may be in use, and busy for hours.
  if (!provisioner_->owns_kernel())
    co_return co_await client_->reconnect(connection_info_, nullptr, start_patience_);
  const auto connected = co_await client_->connect(connection_info_, start_patience_);
  if (!connected) co_return std::unexpected(connected.error());
  co_return KernelClient::Answer::complete;
}

/// How long a kernel that starts has to answer.
std::chrono::steady_clock::duration KernelManager::answer_timeout() const {
  return launch_.launch_timeout().value_or(options_.kernel_info_timeout);
}

std::optional<Timestamp> KernelManager::silent_since() const {
  const auto since = client_ == nullptr ? std::nullopt : client_->silent_since();
  if (!since) return std::nullopt;
  return Timestamp::clock::now() -
         std::chrono::duration_cast<Timestamp::duration>(steady_clock::now() - *since);
}

/// Only told: the kernel may be stopped by somebody, its machine suspended or its network down, and all it
/// has in memory with it.
void KernelManager::on_liveness_change() {
  const bool was_silent = !std::exchange(silence_, std::string()).empty();
  if (const auto since = silent_since(); since && ready_) {
    silence_ = fmt::format(
        "The kernel has not answered since {}. It may be suspended, or its machine or the network between; "
        "it is left as it is. A process that was stopped goes on when it gets SIGCONT; a restart replaces "
        "it.",
        format_timestamp(*since));
    log_warning("Kernel {} does not answer. {}", kernel_id(), silence_);
    conversation_->publish_notice(silence_ + "\n");
    tell(KernelAction::unresponsive, silence_);
  } else if (was_silent) {
    log_info("Kernel {} answers again", kernel_id());
    conversation_->publish_notice("The kernel answers again.\n");
    tell(KernelAction::responsive, std::string());
  }
}

Task<void> KernelManager::give_up(std::string reason) {
  reason = with_last_output(std::move(reason), *provisioner_);
  std::ignore = co_await provisioner_->kill(ShutdownPurpose::end);
  co_await wait_for_killed();
  co_await provisioner_->cleanup(ShutdownPurpose::end);
  co_await mark_dead(std::move(reason));
}

Task<bool> KernelManager::recover() {
  const bool was_ready = ready_;
  const auto lived = was_ready ? steady_clock::now() - started_at_ : steady_clock::duration::zero();
  auto reason = with_last_output(provisioner_->describe_end(), *provisioner_);
  const auto another_way = provisioner_->why_launch_again();
  ready_ = false;
  client_->disconnect();

  const auto asked = take_request_to_end();
  if (asked == ShutdownPurpose::end) {
    co_await provisioner_->cleanup(ShutdownPurpose::end);
    log_info("Kernel {} ended, as a client asked it to", kernel_id());
    co_await finish({});
    if (on_shutdown_by_client) on_shutdown_by_client();
    co_return false;
  }
  if (asked == ShutdownPurpose::restart && provisioner_->owns_kernel()) {
    log_info("Kernel {} is restarted, as a client asked it to", kernel_id());
    give_up_queued();
    co_await begin_restart();
    tell(KernelAction::restart, std::string());
    co_return co_await launch_again(steady_clock::duration::zero());
  }
  if (!was_ready && !another_way.empty() && ++launches_again_ < launch_attempts) {
    log_warning("Kernel {} is launched again: {}", kernel_id(), another_way);
    co_return co_await launch_again(steady_clock::duration::zero());
  }
  const auto wait = co_await take_death(lived, std::move(reason));
  co_return wait&& co_await launch_again(*wait);
}

/// Tells of a death, and how long to wait before the next launch; or nothing, and the kernel stays dead.
Task<std::optional<steady_clock::duration>> KernelManager::take_death(steady_clock::duration lived,
                                                                      std::string reason) {
  const auto wait = proven_ && provisioner_->owns_kernel() ? restarts_.on_death(lived) : std::nullopt;
  if (wait) {
    co_await announce_restart(std::move(reason));
    co_return wait;
  }
  co_await provisioner_->cleanup(ShutdownPurpose::end);
  if (restarts_.limit_reached()) {
    reason += fmt::format("\nIt died {} times in a row (KernelRestarter.restart_limit).",
                          restarts_.deaths_in_a_row());
  }
  co_await mark_dead(std::move(reason));
  co_return std::nullopt;
}

/// A launch that fails (a program that is being replaced, a full disk) is a death like others.
Task<bool> KernelManager::launch_again(steady_clock::duration wait) {
  while (true) {
    co_await provisioner_->cleanup(ShutdownPurpose::restart);
    if (wait > steady_clock::duration::zero()) co_await sleep_for(wait);
    const auto launched = co_await launch();
    if (launched) co_return true;
    const auto next = co_await take_death(steady_clock::duration::zero(),
                                          "It could not be started again. " + launched.error().message);
    if (!next) co_return false;
    wait = *next;
  }
}

std::optional<ShutdownPurpose> KernelManager::take_request_to_end() {
  const auto asked = std::exchange(request_to_end_, std::nullopt);
  if (!asked) return std::nullopt;
  const auto* request = conversation_->requests().recall(asked->message_id);
  if (request == nullptr) return std::nullopt;  // Long ago.
  // A busy kernel may look at it hours later; one that goes on after that has refused.
  if (const auto seen = request->answered_at;
      seen && steady_clock::now() - *seen > options_.shutdown_wait_time)
    return std::nullopt;
  return asked->purpose;
}

Task<void> KernelManager::announce_restart(std::string reason) {
  log_warning("Kernel {} died and is restarted. {}", kernel_id(), reason);
  ++restart_count_;
  reason_ = std::move(reason);
  conversation_->publish_notice(fmt::format("The kernel died and is restarted. {}\n", reason_));
  give_up_queued();
  co_await answer_in_place_of_kernel({.ename = std::string(dead_kernel_error),
                                      .what_happened = "died and is restarted. " + summary_of(reason_)});
  conversation_->publish_status(ExecutionState::restarting);
  tell(KernelAction::autorestart, reason_);
}

Task<void> KernelManager::mark_ready(KernelClient::Answer answer) {
  const bool is_busy = answer == KernelClient::Answer::alive;
  launches_again_ = 0;
  proven_ = true;
  if (is_busy) conversation_->expect_answer();
  conversation_->process_ready();
  conversation_->publish_status(conversation_->execution_state());
  co_await send_queued();
  ready_ = true;
  if (is_busy) tasks_.spawn("wait until kernel " + kernel_id() + " is idle", wait_for_shell());
  changed_.notify_all();
}

Task<void> KernelManager::mark_dead(std::string reason) {
  log_error("Kernel {} is dead. {}", kernel_id(), reason);
  silence_.clear();
  reason_ = std::move(reason);
  ready_ = false;
  forget_record();
  conversation_->publish_notice(fmt::format("The kernel is dead. {}\n", reason_));
  const End end{.ename = std::string(dead_kernel_error), .what_happened = "is dead. " + summary_of(reason_)};
  do {
    give_up_queued();
    co_await answer_in_place_of_kernel(end);
  } while (!queued_.empty());
  conversation_->publish_status(ExecutionState::dead);
  tell(KernelAction::died, reason_);
  changed_.notify_all();
}

Task<void> KernelManager::finish(ShutdownCause cause) {
  ended_ = true;
  ready_ = false;
  forget_record();
  if (!cause.reason.empty()) {
    reason_ = cause.reason;
    conversation_->publish_notice(fmt::format("The kernel was shut down. {}\n", reason_));
  }
  queued_.take_over(held_);
  give_up_queued();
  co_await answer_in_place_of_kernel({.status = RequestFailure::Status::aborted,
                                      .ename = "KernelShutDown",
                                      .what_happened = "was shut down. " + summary_of(reason_)});
  conversation_->publish_status(ExecutionState::dead);
  conversation_->journal().close();
  tell(cause.action, std::move(cause.reason));
  changed_.notify_all();
}

Task<void> KernelManager::stop_supervision() {
  tasks_.cancel();
  co_await tasks_.join();
}

/// A provisioner that cannot tell the end is not waited for any longer.
Task<void> KernelManager::wait_for_killed() {
  if (co_await ends_before(steady_clock::now() + options_.shutdown_wait_time)) co_return;
  log_warning("Kernel {} was killed, and its provisioner {} does not tell its end: it counts as ended",
              kernel_id(), provisioner_->class_reference());
}

Task<bool> KernelManager::ends_before(steady_clock::time_point limit) {
  if (!provisioner_->has_process()) co_return true;
  co_await (provisioner_->wait() || sleep_for(limit - steady_clock::now()));
  co_return !provisioner_->has_process();
}

/// Ends when the process has, or when it is time for harder means.
Task<void> KernelManager::ask_to_end(ShutdownPurpose purpose, steady_clock::duration patience) {
  const auto limit = steady_clock::now() + patience;
  const nlohmann::json content = {{"restart", purpose == ShutdownPurpose::restart}};
  // A busy kernel looks at a shutdown_request only when what it runs has ended.
  if (launch_.spec.interrupt_mode == InterruptMode::signal) {
    std::ignore = co_await provisioner_->send_signal(SIGINT);
    co_await (client_->control_request("shutdown_request", content, patience) || provisioner_->wait());
  } else {
    // Both are sent at once: not every kernel answers the first.
    co_await ((client_->control_request("interrupt_request", nlohmann::json::object(), patience) &&
               client_->control_request("shutdown_request", content, patience)) ||
              provisioner_->wait());
  }
  co_await ends_before(limit);
}

Task<void> KernelManager::end_process(ShutdownPurpose purpose, ShutdownPatience patience) {
  co_await end_abandoned_launch();
  if (provisioner_ == nullptr) co_return;
  ending_process_ = true;
  const OnExit has_ended([this] { ending_process_ = false; });
  if (provisioner_->has_process() && provisioner_->owns_kernel()) {
    if (ready_) co_await ask_to_end(purpose, patience.total / 2);
    if (provisioner_->has_process()) {
      std::ignore = co_await provisioner_->terminate(purpose);
      if (!co_await ends_before(steady_clock::now() + patience.total / 2)) {
        log_warning("Kernel {} did not end in time: killed", kernel_id());
        std::ignore = co_await provisioner_->kill(purpose);
        co_await ends_before(steady_clock::now() + kill_patience);
      }
    }
  }
  if (client_ != nullptr) client_->disconnect();
  ready_ = false;
  if (!needs_new_provisioner_) co_await provisioner_->cleanup(purpose);
}

Task<Result<void>> KernelManager::restart_kernel() {
  const auto self = shared_from_this();
  if (const auto under_way = restart_under_way_) {
    while (!under_way->result && restart_under_way_ == under_way) co_await changed_.wait();
    co_return under_way->result.value_or(
        make_error(ErrorCode::unavailable, "The restart of kernel {} was cancelled", kernel_id()));
  }
  const auto mine = std::make_shared<RestartUnderWay>();
  restart_under_way_ = mine;
  restart_is_pending_ = true;
  const OnExit no_longer([this] {
    restart_under_way_.reset();
    stop_holding_requests();
    changed_.notify_all();
  });
  mine->result = co_await restart();
  tell(KernelAction::restart, *mine->result);
  co_return *mine->result;
}

Task<Result<void>> KernelManager::restart() {
  const auto operation = co_await begin_operation();
  if (ended_) co_return make_error(ErrorCode::not_found, "Kernel does not exist: {}", kernel_id());
  if (provisioner_ == nullptr)
    co_return make_error(ErrorCode::unavailable, "Kernel {} was never started", kernel_id());
  if (provisioner_->has_process() && !provisioner_->owns_kernel()) {
    co_return make_error(ErrorCode::unavailable,
                         "Kernel {} was started by another program, which alone can restart it", kernel_id());
  }
  if (provisioner_->has_process()) {
    const auto ready = co_await provisioner_->check_launch(launch_request());
    if (!ready) {
      co_return make_error(ErrorCode::unavailable,
                           "Kernel {} goes on as it is, for it could not be started again: {}", kernel_id(),
                           ready.error().message);
    }
  }
  if (auto announced = co_await announce_launch(); !announced) co_return announced;
  co_await stop_supervision();
  co_await end_process(ShutdownPurpose::restart, {options_.shutdown_wait_time});
  give_up_queued();
  restart_is_pending_ = false;
  queued_.take_over(held_);
  co_await begin_restart();
  auto launched = co_await launch();
  if (launched) {
    std::ignore = co_await recorded();  // If it cannot be, the new process is found by its mark.
    tasks_.spawn("supervise kernel " + kernel_id(), supervise());
  } else {
    if (!needs_new_provisioner_) co_await provisioner_->cleanup(ShutdownPurpose::end);
    co_await mark_dead(launched.error().message);
  }
  co_return launched;
}

/// Of a restart that somebody asked for: what was before does not count.
Task<void> KernelManager::begin_restart() {
  ++restart_count_;
  restarts_.reset();
  proven_ = false;
  launches_again_ = 0;
  request_to_end_.reset();
  reason_.clear();
  conversation_->begin_restart();
  co_await answer_in_place_of_kernel({.status = RequestFailure::Status::aborted,
                                      .ename = "KernelRestarted",
                                      .what_happened = "was restarted."});
}

Task<Result<void>> KernelManager::interrupt_kernel() {
  const auto self = shared_from_this();
  auto interrupted = co_await interrupt();
  tell(KernelAction::interrupt, interrupted);
  co_return interrupted;
}

Task<Result<void>> KernelManager::interrupt() {
  if (provisioner_ == nullptr || !provisioner_->has_process())
    co_return make_error(ErrorCode::unavailable, "Kernel {} has no process to interrupt{}", kernel_id(),
                         reason_.empty() ? "" : ": " + reason_);
  if (is_ending())
    co_return make_error(ErrorCode::unavailable,
                         "Kernel {} is being restarted or shut down: it takes no interrupt", kernel_id());
  // A process that has not set up its handler yet would die of the signal.
  if (!ready_)
    co_return make_error(ErrorCode::unavailable, "Kernel {} is starting: it takes no interrupt yet",
                         kernel_id());
  Result<void> interrupted;
  if (launch_.spec.interrupt_mode == InterruptMode::signal && provisioner_->owns_kernel()) {
    interrupted = co_await provisioner_->send_signal(SIGINT);
  } else {
    const auto reply = co_await client_->control_request("interrupt_request", nlohmann::json::object(),
                                                         interrupt_reply_patience);
    if (!reply) interrupted = std::unexpected(reply.error());
  }
  // `unavailable` is for kernels that take no interrupt now.
  if (!interrupted && interrupted.error().code == ErrorCode::unavailable)
    co_return std::unexpected(Error{ErrorCode::io, interrupted.error().message});
  co_return interrupted;
}

Task<void> KernelManager::shutdown_kernel(ShutdownPatience patience, ShutdownCause cause) {
  const auto self = shared_from_this();
  shutdown_is_asked_ = true;
  if (give_up_launch_) give_up_launch_();
  const auto operation = co_await begin_operation();
  if (ended_) co_return;
  co_await stop_supervision();
  co_await end_process(ShutdownPurpose::end, patience);
  co_await finish(std::move(cause));
}

Task<void> KernelManager::kill_process() {
  const auto self = shared_from_this();
  if (provisioner_ == nullptr || !provisioner_->has_process() || !provisioner_->owns_kernel()) co_return;
  std::ignore = co_await provisioner_->kill(ShutdownPurpose::end);
}

Task<Result<void>> KernelManager::wait_until_ready() {
  const auto self = shared_from_this();
  while (!ready_) {
    if (ended_ || execution_state() == ExecutionState::dead)
      co_return make_error(ErrorCode::unavailable, "Kernel {} is dead. {}", kernel_id(), reason_);
    co_await changed_.wait();
  }
  co_return Result<void>{};
}

LaunchChange KernelManager::plan_move(const std::map<std::string, std::string>& environment,
                                      const std::filesystem::path& working_directory) const {
  const auto& spec = launch_.spec;
  return plan_launch_change(spec, {kernel_environment(spec, launch_.environment), launch_.working_directory},
                            {kernel_environment(spec, environment), working_directory});
}

std::optional<std::chrono::steady_clock::duration> parse_launch_timeout(std::string_view text) {
  constexpr double longest = 24.0 * 3600;
  double seconds = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, seconds);
  const bool is_timeout =
      error == std::errc() && end == last && std::isfinite(seconds) && seconds > 0 && seconds <= longest;
  if (!is_timeout) return std::nullopt;
  return std::chrono::ceil<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

std::optional<std::chrono::steady_clock::duration> KernelLaunch::launch_timeout() const {
  const auto text = environment.find("KERNEL_LAUNCH_TIMEOUT");
  return text == environment.end() ? std::nullopt : parse_launch_timeout(text->second);
}

std::string KernelLaunch::username() const {
  const auto name = environment.find("KERNEL_USERNAME");
  return name == environment.end() ? std::string() : name->second;
}

std::string KernelLaunch::document() const {
  const auto name = environment.find("JPY_SESSION_NAME");
  return name == environment.end() ? std::string() : name->second;
}

Task<Result<void>> KernelManager::move_to(std::map<std::string, std::string> environment,
                                          std::filesystem::path working_directory) {
  const auto self = shared_from_this();
  const auto change = plan_move(environment, working_directory);
  if (!change.obstacle.empty()) co_return make_error(ErrorCode::unavailable, "{}", change.obstacle);
  launch_.environment = std::move(environment);
  launch_.working_directory = std::move(working_directory);
  launch_.is_spare = false;
  conversation_->note_activity();
  keep_record();
  if (auto kept = co_await recorded(); !kept) co_return kept;
  if (change.code.empty()) co_return Result<void>{};
  if (!ready_) co_return make_error(ErrorCode::unavailable, "the kernel does not answer");
  const auto reply = co_await client_->shell_request("execute_request",
                                                     {{"code", change.code},
                                                      {"silent", true},
                                                      {"store_history", false},
                                                      {"user_expressions", nlohmann::json::object()},
                                                      {"allow_stdin", false},
                                                      {"stop_on_error", true}},
                                                     move_patience);
  if (!reply) co_return std::unexpected(reply.error());
  const auto said = [&reply](const char* name) {
    const auto member = reply->find(name);
    return member != reply->end() && member->is_string() ? member->get<std::string>() : std::string();
  };
  if (said("status") == "ok") co_return Result<void>{};
  co_return make_error(ErrorCode::unavailable, "the kernel could not take over its environment: {}: {}",
                       said("ename"), said("evalue"));
}

void KernelManager::update_environment(const std::string& name, std::string value) {
  launch_.environment[name] = std::move(value);
  keep_record();
}

}  // namespace nextgen_kernels
