#include "kernels/multi_kernel_manager.h"

#include <algorithm>
#include <tuple>

#include <fcntl.h>

#include "base/file_descriptor.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "kernels/descriptor_check.h"
#include "kernelspecs/kernel_advice.h"

namespace nextgen_kernels {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The components of an API path, without "." and with ".." carried out; none when it leads out of the root.
std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  for (const auto component : split(path, '/')) {
    if (component.empty() || component == ".") continue;
    if (component != "..") {
      components.emplace_back(component);
      continue;
    }
    if (components.empty()) return {};
    components.pop_back();
  }
  return components;
}

/// As much of the path below root as there are directories. Each is looked up in the one before, so that a
/// path of many components costs no more than a walk along it.
std::string deepest_directory(const std::filesystem::path& root, std::string_view path) {
  constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const auto components = components_of(path);
  std::string deepest;
  FileDescriptor directory(components.empty() ? -1 : ::open(root.c_str(), flags));
  for (const auto& component : components) {
    if (directory.get() < 0) break;
    FileDescriptor next(::openat(directory.get(), component.c_str(), flags));
    if (next.get() < 0) break;
    directory = std::move(next);
    if (!deepest.empty()) deepest += '/';
    deepest += component;
  }
  return deepest;
}

}  // namespace

std::string document_file(const std::filesystem::path& directory, const std::string& path,
                          const std::string& name) {
  return name.empty() ? path : (directory / name).string();
}

bool is_kernel_id(std::string_view text) {
  constexpr std::size_t longest = 128;  // It becomes part of a file name.
  const auto groups = split(text, '-');
  return text.size() <= longest && groups.size() == 5 && std::ranges::all_of(groups, is_word);
}

MultiKernelManager::MultiKernelManager(Executor executor, KernelSpecManager& specs,
                                       MakeKernelManager make_kernel_manager, Options options)
    : executor_(executor),
      specs_(specs),
      make_kernel_manager_(std::move(make_kernel_manager)),
      options_(std::move(options)),
      tasks_(executor),
      culling_(executor),
      pool_(
          executor, specs, files_,
          [this](KernelSpec spec) {
            auto launch = launch_of(std::move(spec));
            launch.is_spare = true;
            return make_kernel_manager_(std::move(launch));
          },
          options_.pool) {}

MultiKernelManager::~MultiKernelManager() = default;

/// Counts a kernel from the moment that its start is allowed until it is in the list.
class MultiKernelManager::Seat {
 public:
  Seat(std::multiset<std::string>& starting, const std::string& username)
      : starting_(starting), position_(starting.insert(username)) {}
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { starting_.erase(position_); }

 private:
  std::multiset<std::string>& starting_;
  std::multiset<std::string>::iterator position_;
};

/// What is known of a kernel that may be started.
struct MultiKernelManager::Start {
  KernelLaunch launch;
  std::unique_ptr<Seat> seat;
  bool has_chosen_id = false;  // The pool's kernels have their ids already.
};

Result<std::unique_ptr<MultiKernelManager::Seat>> MultiKernelManager::take_seat(const std::string& username) {
  // Dead ones have no process; to restart one takes a seat, too.
  std::vector<std::string> users;
  for (const auto& kernel : kernels_) {
    if (kernel->execution_state() != ExecutionState::dead) users.push_back(kernel->username());
  }
  const auto total = users.size() + starting_.size();
  if (options_.max_kernels != 0 && total >= options_.max_kernels) {
    return make_error(ErrorCode::resource_limit,
                      "Resource Limit: {} kernels run, and no more are possible "
                      "(MappingKernelManager.max_kernels). Shut one down first",
                      total);
  }
  const auto of_user =
      static_cast<std::size_t>(std::ranges::count(users, username)) + starting_.count(username);
  // Those of nobody are together those of one user, the server's own; as in Enterprise Gateway.
  if (options_.max_kernels_per_user != 0 && of_user >= options_.max_kernels_per_user) {
    return make_error(ErrorCode::resource_limit,
                      "Resource Limit: {} has {} kernels, and no more are possible "
                      "(MappingKernelManager.max_kernels_per_user). Shut one down first",
                      username.empty() ? "the server's user" : printable(username), of_user);
  }
  const auto is_starting = [](const auto& kernel) {
    return kernel->execution_state() == ExecutionState::starting;
  };
  const auto launched = static_cast<std::size_t>(std::ranges::count_if(kernels_, is_starting));
  if (auto enough = check_descriptors_for_kernel(starting_.size() + launched); !enough)
    return std::unexpected(enough.error());
  return std::make_unique<Seat>(starting_, username);
}

std::string MultiKernelManager::username_of(const StartKernelRequest& request) const {
  for (const auto* environment : {&request.environment, &options_.base_environment})
    if (const auto name = environment->find("KERNEL_USERNAME"); name != environment->end())
      return name->second;
  return {};
}

Task<Result<std::shared_ptr<KernelManager>>> MultiKernelManager::start_kernel(StartKernelRequest request) {
  KernelEvent failure{.action = KernelAction::start,
                      .outcome = KernelEvent::Outcome::error,
                      .kernel_id = request.kernel_id.value_or(""),
                      .kernel_name = request.kernel_name.value_or(options_.default_kernel_name),
                      .reason = {},
                      .username = username_of(request)};
  auto prepared = co_await prepare_start(std::move(request));
  if (prepared) co_return co_await start(std::move(*prepared));
  failure.reason = prepared.error().message;
  failure.error = prepared.error().code;
  tell(failure);
  co_return std::unexpected(std::move(prepared.error()));
}

Task<Result<MultiKernelManager::Start>> MultiKernelManager::prepare_start(StartKernelRequest request) {
  if (stopping_) co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  const auto kernel_id = request.kernel_id.value_or(random_uuid());
  if (!is_kernel_id(kernel_id)) {
    co_return make_error(
        ErrorCode::invalid_argument,
        "'{}' is no kernel id: it must be five groups of letters and digits joined by '-', such as {}",
        kernel_id, random_uuid());
  }
  auto looked = co_await files_.run_for(
      username_of(request), [this, request]() -> Result<LaunchFiles> { return look_at_files(request); });
  if (!looked) co_return std::unexpected(looked.error());
  auto& files = *looked;
  if (stopping_) co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  if (find_kernel(kernel_id) != nullptr)
    co_return make_error(ErrorCode::already_exists, "Kernel already exists: {}", kernel_id);
  auto& spec = files.spec;
  if (!spec) co_return std::unexpected(spec.error());

  auto launch = launch_of(std::move(*spec));
  launch.kernel_id = kernel_id;
  for (auto& [name, value] : request.environment) launch.environment[name] = std::move(value);
  if (request.document_name)
    launch.environment["JPY_SESSION_NAME"] =
        document_file(files.path_directory, request.path, *request.document_name);
  launch.working_directory = std::move(files.working_directory);
  auto seat = take_seat(launch.username());
  if (!seat) co_return std::unexpected(seat.error());
  co_return Start{
      .launch = std::move(launch), .seat = std::move(*seat), .has_chosen_id = request.kernel_id.has_value()};
}

Task<Result<std::shared_ptr<KernelManager>>> MultiKernelManager::start(Start start) {
  auto kernel = start.has_chosen_id ? nullptr : co_await take_from_pool(start.launch);
  if (kernel != nullptr && stopping_) {
    co_await kernel->shutdown_kernel({options_.shutdown_wait_time});
    co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  }
  start.seat.reset();
  if (kernel != nullptr) {
    add(kernel);
    tell({.action = KernelAction::start,
          .kernel_id = kernel->kernel_id(),
          .kernel_name = kernel->kernel_spec().name,
          .reason = {}});
  } else {
    kernel = make_kernel_manager_(std::move(start.launch));
    add(kernel);
    if (auto started = co_await kernel->start_kernel(); !started) {
      remove(kernel->kernel_id());
      // "Not found" would be about the kernel spec, which is there: something that it names is not.
      auto error = started.error();
      if (error.code == ErrorCode::not_found) error.code = ErrorCode::unavailable;
      co_return std::unexpected(std::move(error));
    }
  }
  if (cull_timeout(kernel->kernel_spec(), options_.culling)) begin_culling();
  co_return kernel;
}

Task<Result<void>> MultiKernelManager::restart_kernel(std::string kernel_id) {
  const auto kernel = get_kernel(kernel_id);
  if (!kernel) co_return std::unexpected(kernel.error());
  std::unique_ptr<Seat> seat;
  if ((*kernel)->execution_state() == ExecutionState::dead) {
    auto taken = take_seat((*kernel)->username());
    if (!taken) co_return std::unexpected(taken.error());
    seat = std::move(*taken);
  }
  co_return co_await (*kernel)->restart_kernel();
}

/// What every kernel of a spec is started with.
KernelLaunch MultiKernelManager::launch_of(KernelSpec spec) const {
  return {.kernel_id = random_uuid(),
          .spec = std::move(spec),
          .environment = options_.base_environment,
          .working_directory = working_directory_for("")};
}

void MultiKernelManager::add(const std::shared_ptr<KernelManager>& kernel) {
  kernels_.push_back(kernel);
  // The kernel's own task calls this; removing it there would end the caller under its feet.
  kernel->on_shutdown_by_client = [this, kernel_id = kernel->kernel_id()] {
    tasks_.spawn("remove kernel", remove_later(kernel_id));
  };
  kernel->on_event = [this](const KernelEvent& event) { tell(event); };
}

/// A kernel that is as if it had been started like this, or nothing.
Task<std::shared_ptr<KernelManager>> MultiKernelManager::take_from_pool(KernelLaunch launch) {
  auto kernel = pool_.take(launch);
  if (kernel == nullptr) co_return nullptr;
  const auto moved = co_await kernel->move_to(launch.environment, launch.working_directory);
  if (moved) {
    log_info("Kernel {} ({}) is one of the pool", kernel->kernel_id(), launch.spec.name);
    co_return kernel;
  }
  log_info("A kernel of the pool of {} cannot be used: {}", launch.spec.name, moved.error().message);
  pool_.discard(std::move(kernel));
  co_return nullptr;
}

void MultiKernelManager::begin_culling() {
  if (culling_.empty() && !stopping_) culling_.spawn("cull kernels", cull_again_and_again());
}

/// One look at all kernels every `cull_interval`, as long as there is one that may be culled.
Task<void> MultiKernelManager::cull_again_and_again() {
  const auto may_be_culled = [this](const auto& kernel) {
    return cull_timeout(kernel->kernel_spec(), options_.culling).has_value();
  };
  while (std::ranges::any_of(kernels_, may_be_culled)) {
    const auto due = std::chrono::steady_clock::now() + options_.culling.cull_interval;
    co_await sleep_for(options_.culling.cull_interval);
    // What this program missed, because it was stopped, is nobody's idle time.
    const auto late = std::chrono::steady_clock::now() - due;
    for (const auto& kernel : list_kernels()) kernel->conversation()->forgive_idle_time(late);
    cull_unused();
  }
}

void MultiKernelManager::cull_unused() {
  for (const auto& kernel : list_kernels()) {
    const auto timeout = cull_timeout(kernel->kernel_spec(), options_.culling);
    if (!timeout) continue;
    auto reason = reason_to_cull({.state = kernel->execution_state(),
                                  .idle = kernel->conversation()->idle_time(),
                                  .users = kernel->users()},
                                 *timeout, options_.culling);
    if (reason) tasks_.spawn("cull kernel " + kernel->kernel_id(), cull(kernel, std::move(*reason)));
  }
}

Task<void> MultiKernelManager::cull(std::shared_ptr<KernelManager> kernel, std::string reason) {
  log_info("Kernel {} ({}): {}", kernel->kernel_id(), kernel->kernel_spec().name, reason);
  co_await kernel->shutdown_kernel({options_.shutdown_wait_time},
                                   {.action = KernelAction::cull, .reason = std::move(reason)});
  remove(kernel->kernel_id());
}

MultiKernelManager::LaunchFiles MultiKernelManager::look_at_files(const StartKernelRequest& request) const {
  LaunchFiles files{
      .spec = specs_.get_kernel_spec(
          request.kernel_name ? *request.kernel_name
                              : choose_default_kernel(specs_.list(), options_.default_kernel_name)),
      .working_directory = {},
      .path_directory = working_directory_for(request.path)};
  files.working_directory = files.path_directory;
  std::error_code ignored;
  for (const auto* environment : {&request.environment, &options_.base_environment}) {
    const auto asked = environment->find("KERNEL_WORKING_DIR");
    if (asked == environment->end()) continue;
    if (std::filesystem::is_directory(asked->second, ignored)) files.working_directory = asked->second;
    break;
  }
  return files;
}

std::shared_ptr<KernelManager> MultiKernelManager::find_kernel(std::string_view kernel_id) const {
  const auto kernel = std::ranges::find(kernels_, kernel_id, &KernelManager::kernel_id);
  return kernel == kernels_.end() ? nullptr : *kernel;
}

Error MultiKernelManager::unknown_kernel(std::string_view kernel_id) {
  return {ErrorCode::not_found, fmt::format("Kernel does not exist: {}", kernel_id)};
}

Result<std::shared_ptr<KernelManager>> MultiKernelManager::get_kernel(std::string_view kernel_id) const {
  auto kernel = find_kernel(kernel_id);
  if (kernel == nullptr) return std::unexpected(unknown_kernel(kernel_id));
  return kernel;
}

Task<Result<void>> MultiKernelManager::shutdown_kernel(std::string kernel_id) {
  const auto kernel = find_kernel(kernel_id);
  if (kernel == nullptr) co_return std::unexpected(unknown_kernel(kernel_id));
  co_await kernel->shutdown_kernel({options_.shutdown_wait_time});
  remove(kernel_id);
  // The next server must not find it. If that cannot be written, its process is gone all the same.
  std::ignore = co_await kernel->recorded();
  co_return Result<void>{};
}

Task<void> MultiKernelManager::shutdown_all(ShutdownPatience patience) {
  stopping_ = true;
  culling_.cancel();
  co_await culling_.join();
  TaskGroup shutdowns(executor_);
  for (const auto& kernel : list_kernels())
    shutdowns.spawn("shut down kernel " + kernel->kernel_id(), kernel->shutdown_kernel(patience));
  shutdowns.spawn("end the pool", pool_.stop(patience));
  co_await shutdowns.join();
  while (!kernels_.empty()) remove(kernels_.back()->kernel_id());
  co_await tasks_.join();
}

void MultiKernelManager::kill_all() {
  pool_.kill_all();
  for (const auto& kernel : list_kernels())
    tasks_.spawn("kill kernel " + kernel->kernel_id(), kernel->kill_process());
}

void MultiKernelManager::on_kernel_removed(std::function<void(const std::string&)> callback) {
  removed_callbacks_.push_back(std::move(callback));
}

void MultiKernelManager::tell(const KernelEvent& event) const {
  for (const auto& observer : std::vector(observers_)) observer(event);
}

Task<void> MultiKernelManager::remove_later(std::string kernel_id) {
  remove(kernel_id);
  co_return;
}

void MultiKernelManager::remove(std::string kernel_id) {
  if (std::erase_if(kernels_, [&](const auto& kernel) { return kernel->kernel_id() == kernel_id; }) == 0)
    return;
  for (const auto& callback : std::vector(removed_callbacks_)) callback(kernel_id);
}

Task<Result<std::filesystem::path>> MultiKernelManager::find_working_directory(std::string username,
                                                                               std::string path) {
  co_return co_await files_.run_for(std::move(username),
                                    [this, path = std::move(path)]() -> Result<std::filesystem::path> {
                                      return working_directory_for(path);
                                    });
}

std::filesystem::path MultiKernelManager::working_directory_for(std::string_view path) const {
  const auto root = std::filesystem::absolute(options_.root_dir).lexically_normal();
  const auto below_root = deepest_directory(root, path);
  return below_root.empty() ? root : root / below_root;
}

}  // namespace nextgen_kernels
