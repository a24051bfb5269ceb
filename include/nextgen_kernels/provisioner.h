#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nextgen_kernels/context.h>
#include <nextgen_kernels/reply.h>

namespace nextgen_kernels::plugin {

/// Whether what happens to a kernel process prepares its successor.
enum class Purpose { end, restart };

/// Starts a kernel somewhere, watches it, signals it, ends it (jupyter_client's `KernelProvisionerBase`).
/// Derive from it for a place of its own kind, or from `LocalProvisioner` for a kernel on this machine.
///
/// One object for one kernel, kept over restarts. Every function is called on the kernel's thread and must
/// return at once: what takes time answers its reply later. An exception is an error for whoever asked.
class Provisioner {
 public:
  explicit Provisioner(const Context& context) : context_(context) {}
  Provisioner(const Provisioner&) = delete;
  Provisioner& operator=(const Provisioner&) = delete;
  virtual ~Provisioner() = default;

  /// Starts the kernel. Members of `request`: kernel_id, kernel_name, resource_dir, kernel_spec (as in
  /// kernel.json), environment, working_directory. Answer the connection info, as the client paired with this
  /// class understands it. When that takes too long, or the kernel is shut down meanwhile, `kill` comes
  /// before the answer: end what this launch has made and what it still will.
  virtual void launch_kernel(const Json& request, Reply<Json> reply) = 0;

  /// What the launch could not tell yet, because the kernel chooses it (its ports): answer the complete
  /// connection info. Whoever asked may have stopped to wait when the kernel is launched again or cleaned up.
  virtual void complete_connection(const Json& info, std::chrono::milliseconds, Reply<Json> reply) {
    reply.succeed(info);
  }

  /// What a provisioner of this class in the next server needs to take the kernel over, should this server
  /// end without ending it. Asked again and again while the kernel runs; the last answer counts, and is kept
  /// on disk where only the user reads it. Null: it cannot be handed over.
  virtual Json adoption_record() { return nullptr; }

  /// Takes over a kernel of a server that is gone, in the place of `launch_kernel`. Members of `request`:
  /// kernel_id, record (what `adoption_record` returned last), connection_info. Answer the connection info;
  /// `not_found` when the kernel has ended. After another error the server asks `wait` and ends the kernel.
  /// Never touch a process that only has the number of the one that was recorded.
  virtual void adopt_kernel(const Json& request, Reply<Json> reply) {
    static_cast<void>(request);
    reply.fail(ErrorCode::unavailable, "This provisioner takes no kernels over");
  }

  /// Answer when the kernel has ended. Called once after each launch, and after an adoption.
  virtual void wait(Reply<ExitStatus> reply) = 0;

  /// Sends a signal to the kernel. No error when it is gone.
  virtual void send_signal(int signal_number, Reply<void> reply) = 0;
  virtual void terminate(Purpose purpose, Reply<void> reply) = 0;
  virtual void kill(Purpose purpose, Reply<void> reply) = 0;

  /// After the kernel's end: frees what it held; a restart may keep it.
  virtual void cleanup(Purpose, Reply<void> reply) { reply.succeed(); }

  /// A sentence about the kernel's end; empty for the server's.
  virtual std::string describe_end() { return {}; }
  /// What the kernel printed last, without secrets.
  virtual std::string output_tail() { return {}; }
  /// What identifies the kernel to a person, an object: `{"pid": 1234}`.
  virtual Json get_provisioner_info() { return Json::object(); }
  /// Why a kernel that could not be reached may be another time, because the next launch goes another way
  /// (other ports): words for the log. Empty when it would go the same way.
  virtual std::string why_launch_again() { return {}; }
  /// False for kernels that somebody else started: they are left running.
  virtual bool owns_kernel() { return true; }

 protected:
  const Context& context() const { return context_; }
  const Json& option(std::string_view name) const { return context_.option(name); }

 private:
  const Context& context_;
};

/// What is about to be started.
struct Process {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string working_directory;  ///< Empty: the server's.
};

/// Extends one of the server's own provisioners: does what that one does, but for what a derived class
/// overrides.
class BaseProvisioner : public Provisioner {
 public:
  /// Throws when the server has no such class.
  BaseProvisioner(const Context& context, std::string_view reference) : Provisioner(context) {
    detail::Answer failure;
    base_ = detail::host->create_base_provisioner(context.handle(), detail::to_abi(reference), this,
                                                  &Hooks::table, &functions_, failure.reply());
    if (base_ == nullptr) static_cast<void>(failure.text());
  }
  ~BaseProvisioner() override {
    if (base_ != nullptr) functions_->destroy(base_);
  }

  void launch_kernel(const Json& request, Reply<Json> reply) override {
    const auto text = request.dump();
    functions_->launch_kernel(base_, detail::to_abi(text), std::move(reply).release());
  }
  void complete_connection(const Json& info, std::chrono::milliseconds timeout, Reply<Json> reply) override {
    const auto text = info.dump();
    functions_->complete_connection(base_, detail::to_abi(text), static_cast<std::uint64_t>(timeout.count()),
                                    std::move(reply).release());
  }
  Json adoption_record() override {
    return hands_over() ? Json::parse(ask(functions_->adoption_record)) : Json();
  }
  void adopt_kernel(const Json& request, Reply<Json> reply) override {
    if (!hands_over()) return Provisioner::adopt_kernel(request, std::move(reply));
    const auto text = request.dump();
    functions_->adopt_kernel(base_, detail::to_abi(text), std::move(reply).release());
  }
  void wait(Reply<ExitStatus> reply) override { functions_->wait(base_, std::move(reply).release()); }
  void send_signal(int signal_number, Reply<void> reply) override {
    functions_->send_signal(base_, signal_number, std::move(reply).release());
  }
  void terminate(Purpose purpose, Reply<void> reply) override {
    functions_->terminate(base_, purpose == Purpose::restart, std::move(reply).release());
  }
  void kill(Purpose purpose, Reply<void> reply) override {
    functions_->kill(base_, purpose == Purpose::restart, std::move(reply).release());
  }
  void cleanup(Purpose purpose, Reply<void> reply) override {
    functions_->cleanup(base_, purpose == Purpose::restart, std::move(reply).release());
  }
  std::string describe_end() override { return ask(functions_->describe_end); }
  std::string output_tail() override { return ask(functions_->output_tail); }
  Json get_provisioner_info() override { return Json::parse(ask(functions_->get_provisioner_info)); }
  std::string why_launch_again() override { return ask(functions_->why_launch_again); }
  bool owns_kernel() override { return functions_->owns_kernel(base_) != 0; }

 protected:
  /// A process is about to be started: change its command or environment here.
  virtual void prepare_process(Process& process) { static_cast<void>(process); }

 private:
  /// Hidden: of this library alone, whatever SDK other plugins were compiled with.
  struct [[gnu::visibility("hidden")]] Hooks {
    static void prepare_hook(void* derived, nk_string text, nk_reply reply) {
      detail::answer(reply, [&] {
        auto json = Json::parse(detail::from_abi(text));
        Process process;
        for (const auto& argument : json.at("argv").as_array()) process.argv.push_back(argument.as_string());
        for (const auto& [name, value] : json.at("environment").as_object())
          process.environment.emplace(name, value.as_string());
        process.working_directory = json.at("working_directory").as_string();
        static_cast<BaseProvisioner*>(derived)->prepare_process(process);
        json["argv"] = Json::Array(process.argv.begin(), process.argv.end());
        json["environment"] = Json::Object(process.environment.begin(), process.environment.end());
        json["working_directory"] = process.working_directory;
        return json.dump();
      });
    }

    static constexpr nk_base_provisioner_hooks table = {sizeof(nk_base_provisioner_hooks), &prepare_hook};
  };

  /// Not with a server that is older than this.
  bool hands_over() const {
    constexpr auto end = offsetof(nk_provisioner_functions, adopt_kernel) + sizeof(functions_->adopt_kernel);
    return detail::reaches(functions_, end);
  }

  std::string ask(void (*function)(void*, nk_reply)) const {
    detail::Answer answer;
    function(base_, answer.reply());
    return answer.text();
  }

  void* base_ = nullptr;
  const nk_provisioner_functions* functions_ = nullptr;
};

/// Runs the kernel as a child process on this machine, as the server's own class of this name does.
class LocalProvisioner : public BaseProvisioner {
 public:
  static constexpr std::string_view base_reference =
      "jupyter_client.provisioning.local_provisioner:LocalProvisioner";

  explicit LocalProvisioner(const Context& context) : BaseProvisioner(context, base_reference) {}
};

}  // namespace nextgen_kernels::plugin
