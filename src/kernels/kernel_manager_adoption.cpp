// What `KernelManager` does for the server that comes after this one, and after the one before.
#include <algorithm>
#include <ranges>
#include <tuple>
#include <variant>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/log.h"
#include "base/random.h"
#include "kernels/kernel_manager.h"

namespace nextgen_kernels {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using std::chrono::steady_clock;

// What a kernel that runs may need for a sign of life. Who gives none is ended. One that is starting has as
// much at least.
constexpr auto life_patience = std::chrono::seconds(10);
// A cell may run for days.
constexpr auto shell_patience = std::chrono::hours(24 * 365);
constexpr std::size_t most_listeners = 100;
// Kernels that have subshells answer on the control channel while these are busy.
constexpr auto control_patience = std::chrono::seconds(2);
constexpr auto subshell_look_interval = std::chrono::seconds(10);

std::string describe_gap(Timestamp seen) {
  return fmt::format(
      "The server of this kernel ended without ending it, and another one has adopted it. What the kernel "
      "sent between {} and {} is gone.",
      format_timestamp(seen), format_timestamp(Timestamp::clock::now()));
}

/// Whether a kernel_info_reply says so.
bool has_subshells(const nlohmann::json& kernel_info) {
  if (!kernel_info.is_object()) return false;
  const auto features = kernel_info.find("supported_features");
  return features != kernel_info.end() && features->is_array() &&
         std::ranges::find(*features, "kernel subshells") != features->end();
}

std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

/// Before a process is launched, there must be a record by which the next server finds it.
Task<Result<void>> KernelManager::announce_launch() {
  if (options_.recorder == nullptr || is_recorded_) co_return Result<void>{};
  if (launch_token_.empty()) launch_token_ = random_hex(16);
  put_record();
  const auto written = co_await recorded();
  if (written) {
    is_recorded_ = true;
    co_return Result<void>{};
  }
  if (!has_process()) forget_record();
  co_return make_error(
      written.error().code,
      "Kernel {} was not started: this server cannot note it, and would leave it behind if it "
      "were killed. {}",
      launch_.spec.name, written.error().message);
}

/// A kernel of which nobody would know what it is if this server were killed now is not started.
Task<Result<void>> KernelManager::confirm_start() {
  auto kept = co_await recorded();
  if (kept) co_return kept;
  std::ignore = co_await provisioner_->kill(ShutdownPurpose::end);
  co_await wait_for_killed();
  co_await provisioner_->cleanup(ShutdownPurpose::end);
  forget_record();
  co_return make_error(kept.error().code, "Kernel {} was ended as soon as it was started. {}",
                       launch_.spec.name, kept.error().message);
}

Task<Result<void>> KernelManager::recorded() {
  if (options_.recorder == nullptr) co_return Result<void>{};
  co_return co_await options_.recorder->written();
}

void KernelManager::keep_record() {
  if (options_.recorder != nullptr && has_process()) put_record();
}

void KernelManager::put_record() {
  recorded_listeners_ = conversation_->places().sessions().most_important(most_listeners);
  options_.recorder->put({.kernel_id = launch_.kernel_id,
                          .kernel_name = launch_.spec.name,
                          .environment = launch_.environment,
                          .working_directory = launch_.working_directory,
                          .provisioner_class = provisioner_class(),
                          .provisioner = provisioner_->adoption_record(),
                          .connection_info = connection_info_,
                          .client = client_ == nullptr ? nlohmann::json() : client_->adoption_record(),
                          .journal_id = conversation_->journal().id(),
                          .listeners = recorded_listeners_,
                          .restart_count = restart_count_,
                          .is_spare = launch_.is_spare,
                          .has_answered = has_answered_,
                          .launched_at = microseconds_of(launched_at_),
                          .started_from = started_from_,
                          .root_dir = options_.root_dir,
                          .launch_token = launch_token_,
                          .launch_number = launches_,
                          .is_launching = !has_process(),
                          .askers = conversation_->places().sessions().askers_among(recorded_listeners_)});
}

void KernelManager::forget_record() {
  is_recorded_ = false;
  if (options_.recorder != nullptr) options_.recorder->remove(launch_.kernel_id);
}

void KernelManager::add_connection(ClientRole role) {
  ++(role == ClientRole::user ? users_ : watchers_);
  const auto listeners = conversation_->places().sessions().most_important(most_listeners);
  if (!std::ranges::is_permutation(listeners, recorded_listeners_)) keep_record();
}

void KernelManager::remove_connection(ClientRole role) {
  --(role == ClientRole::user ? users_ : watchers_);
}

Task<Result<void>> KernelManager::attach(AbandonedKernel abandoned, Adopter adopter) {
  const auto& record = abandoned.record;
  if (auto prepared = co_await prepare_classes(); !prepared) co_return prepared;
  auto provisioner = factories_.make_provisioner(launch_.spec, executor_);
  if (!provisioner) co_return std::unexpected(provisioner.error());
  if (adopter == Adopter::its_own_class && (*provisioner)->class_reference() != record.provisioner_class) {
    co_return make_error(ErrorCode::invalid_argument,
                         "It was started by provisioner {}, but kernel spec {} has {}",
                         record.provisioner_class, launch_.spec.name, (*provisioner)->class_reference());
  }
  provisioner_ = std::move(*provisioner);
  auto info = co_await provisioner_->adopt_kernel({.kernel_id = launch_.kernel_id,
                                                   .record = record.provisioner,
                                                   .connection_info = record.connection_info,
                                                   .newer_process = abandoned.newer_process});
  if (!info) co_return std::unexpected(info.error());
  connection_info_ = std::move(*info);
  started_at_ = steady_clock::now();
  co_return Result<void>{};
}

Task<Result<void>> KernelManager::attach_to(AbandonedKernel abandoned, Adopter adopter) {
  const auto self = shared_from_this();
  const auto operation = co_await begin_operation();
  auto attached = co_await attach(std::move(abandoned), adopter);
  if (has_process()) co_return Result<void>{};
  co_return attached;
}

Task<Result<void>> KernelManager::adopt_kernel(AbandonedKernel abandoned) {
  const auto self = shared_from_this();
  const auto operation = co_await begin_operation();
  auto attached = co_await attach(abandoned, Adopter::its_own_class);
  if (!attached) co_return attached;
  conversation_->begin_process();
  if (auto chosen = choose_client(); !chosen) co_return chosen;
  adoption_ =
      Adoption{.journal_id = abandoned.record.journal_id, .explanation = describe_gap(abandoned.seen)};
  conversation_->publish_notice(adoption_->explanation + "\n");
  take_over(abandoned.record);
  if (!has_answered_) {
    begin_starting();
    co_return Result<void>{};
  }
  const auto first = co_await (client_->reconnect(connection_info_, abandoned.record.client, life_patience) ||
                               provisioner_->wait());
  const auto* answer = std::get_if<Result<KernelClient::Answer>>(&first);
  if (answer == nullptr) co_return make_error(ErrorCode::not_found, "{}", provisioner_->describe_end());
  if (!*answer) co_return std::unexpected(answer->error());
  const auto subshells = co_await find_subshells();
  begin_adopted(**answer, subshells);
  co_return Result<void>{};
}

Task<Result<std::vector<std::string>>> KernelManager::list_subshells() {
  const auto reply =
      co_await client_->control_request("list_subshell_request", nlohmann::json::object(), control_patience);
  if (!reply) co_return std::unexpected(reply.error());
  const auto listed = reply->find("subshell_id");
  if (listed == reply->end() || !listed->is_array())
    co_return make_error(ErrorCode::protocol, "A list_subshell_reply has no list in it");
  std::vector<std::string> subshells;
  for (const auto& id : *listed)
    if (id.is_string()) subshells.push_back(id.get<std::string>());
  co_return subshells;
}

/// The subshells of a kernel that has such (JEP 91).
Task<std::vector<std::string>> KernelManager::find_subshells() {
  if (!has_subshells(client_->kernel_info())) co_return std::vector<std::string>{};
  auto subshells = co_await list_subshells();
  if (!subshells) log_warning("Kernel {}: {}", kernel_id(), subshells.error().message);
  co_return std::move(subshells).value_or(std::vector<std::string>{});
}

/// What this kernel has from its time with the server that is gone.
void KernelManager::take_over(const KernelRecord& record) {
  restore_listeners(record);
  restart_count_ = record.restart_count;
  has_answered_ = record.has_answered;
  launched_at_ = timestamp_of(record.launched_at);
  started_from_ = record.started_from;
  launch_token_ = record.launch_token;
  launches_ = record.launch_number;
  is_recorded_ = !launch_token_.empty();
}

void KernelManager::tell_adopted() {
  log_warning("Kernel {} ({}) is adopted. {}", kernel_id(), launch_.spec.name, adoption_->explanation);
  if (const auto ours = origin_of(launch_.spec); !started_from_.is_null() && started_from_ != ours) {
    log_warning("Kernel {} was started by another kernel spec than {} is here. It had {}; a restart has {}",
                kernel_id(), launch_.spec.name, text_of(started_from_), text_of(ours));
  }
  tell(KernelAction::adopted, adoption_->explanation);
  keep_record();
}

/// A kernel that had answered nobody yet: it was asked nothing, so nothing is gone, and nobody waits for it.
void KernelManager::begin_starting() {
  const auto patience = answer_timeout();
  const auto left = launched_at_ + patience - Timestamp::clock::now();
  start_patience_ = std::clamp(std::chrono::duration_cast<steady_clock::duration>(left),
                               std::min<steady_clock::duration>(life_patience, patience), patience);
  tell_adopted();
  tasks_.spawn("supervise kernel " + kernel_id(), supervise());
}

void KernelManager::begin_adopted(KernelClient::Answer answer, const std::vector<std::string>& subshells) {
  proven_ = true;
  ready_ = true;
  // What runs in a shell was asked for before our time, and its end may have been told while nobody listened:
  // the shell is asked something behind it.
  if (answer == KernelClient::Answer::alive) {
    conversation_->expect_answer();
    tasks_.spawn("wait until kernel " + kernel_id() + " is idle", wait_for_shell());
  }
  for (const auto& id : subshells) {
    conversation_->expect_answer();
    tasks_.spawn("wait until a subshell of " + kernel_id() + " is idle", wait_for_subshell(id));
  }
  if (!conversation_->expects_answer()) client_->end_inheritance();
  conversation_->process_ready();
  conversation_->publish_status(conversation_->execution_state());
  tell_adopted();
  tasks_.spawn("supervise kernel " + kernel_id(), supervise_adopted());
  changed_.notify_all();
}

/// Clients that come back with their session id get everything since the adoption, and what is said of it.
void KernelManager::restore_listeners(const KernelRecord& record) {
  const auto& listeners = record.listeners;
  auto& places = conversation_->places();
  for (const auto& [session, listener] : record.askers)
    places.sessions().note_asker(session, conversation_->audience_of(listener));
  // Records of earlier versions do not tell who asked: of several with one session it was the kernel's owner.
  for (const auto& listener : listeners)
    if (ListenerName::parse(listener).username == username()) conversation_->audience_of(listener);
  const auto first = conversation_->journal().first_number();
  for (const auto& listener : std::views::reverse(listeners)) {  // The most important one was used last.
    conversation_->audience_of(listener);
    places.close(*places.open(places.new_stream(), listener, FrameAccount(first, first)));
  }
}

Task<void> KernelManager::supervise_adopted() {
  const auto self = shared_from_this();
  co_await provisioner_->wait();
  if (co_await recover()) co_await supervise();
}

/// One of the shells that ran something has answered.
void KernelManager::end_wait() {
  conversation_->note_answer();
  if (conversation_->expects_answer()) return;
  client_->end_inheritance();
  keep_record();
}

Task<void> KernelManager::wait_for_shell() {
  const auto self = shared_from_this();
  if (co_await client_->shell_request("kernel_info_request", nlohmann::json::object(), shell_patience))
    end_wait();
}

Task<void> KernelManager::wait_for_subshell(std::string subshell_id) {
  const auto self = shared_from_this();
  const auto first = co_await (client_->subshell_request(subshell_id, "kernel_info_request",
                                                         nlohmann::json::object(), shell_patience) ||
                               wait_until_deleted(subshell_id));
  const auto* answer = std::get_if<Result<nlohmann::json>>(&first);
  const bool is_closed = answer != nullptr && !*answer && answer->error().code == ErrorCode::unavailable;
  if (!is_closed) end_wait();
}

/// A subshell that is deleted answers nothing any more.
Task<void> KernelManager::wait_until_deleted(std::string subshell_id) {
  while (true) {
    co_await sleep_for(subshell_look_interval);
    const auto subshells = co_await list_subshells();
    if (subshells && std::ranges::find(*subshells, subshell_id) == subshells->end()) co_return;
  }
}

}  // namespace nextgen_kernels
