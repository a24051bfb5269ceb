#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/timestamp.h"
#include "interfaces/connection_info.h"
#include "kernelspecs/kernel_spec.h"
#include "runtime/process_identity.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// What a server keeps on disk of a kernel that runs, so that the server after it can adopt the kernel. Holds
/// secrets: the kernel's key, and its environment.
struct KernelRecord {
  std::string kernel_id;
  std::string kernel_name;
  std::map<std::string, std::string> environment;  ///< For restarts: as it was launched.
  std::filesystem::path working_directory;
  std::string provisioner_class;
  nlohmann::json provisioner;  ///< `KernelProvisioner::adoption_record`.
  ConnectionInfo connection_info;
  nlohmann::json client;               ///< `KernelClient::adoption_record`; null before it has connected.
  std::string journal_id;              ///< Clients know it.
  std::vector<std::string> listeners;  ///< As `Conversation` knows them; these may come back.
  int restart_count = 0;
  bool is_spare = false;  ///< Of the pool: nobody has used it.
  // Records of earlier versions have none of these.
  bool has_answered = true;               ///< False: it is starting still.
  std::int64_t launched_at = 0;           ///< Microseconds since 1970.
  nlohmann::json started_from = nullptr;  ///< `origin_of` the kernel spec as it was then; null: not known.
  std::filesystem::path root_dir = {};  ///< What the paths of its sessions are relative to; empty: not known.
  /// In the environment of each process that is launched for the kernel, with the number of the launch
  /// (`LaunchMark`): by it the next server finds a process that was launched just before this one was killed.
  std::string launch_token = {};
  int launch_number = 0;      ///< Of the process that is recorded.
  bool is_launching = false;  ///< No process is recorded: the first one is about to be launched.
  std::map<std::string, std::string> askers = {};  ///< By session, those of `listeners` that asked under it.

  std::string to_json() const;

  /// The error says which field is wrong, and no value.
  static Result<KernelRecord> parse(std::string_view json);
};

/// What a process that is launched by this spec is: equal for specs that launch the same.
nlohmann::json origin_of(const KernelSpec& spec);

/// The value of a variable that processes of kernels have in their environment.
struct LaunchMark {
  static constexpr std::string_view variable = "NEXTGEN_KERNELS_LAUNCH";

  std::string token;
  int number = 0;

  std::string to_string() const;
  static std::optional<LaunchMark> parse(std::string_view text);
};

/// A kernel of a server that is gone.
struct AbandonedKernel {
  KernelRecord record;
  Timestamp seen;  ///< When that server is known to have had everything the kernel sent.
  /// Of a launch after the one that is recorded, which that server could not record any more.
  std::optional<ProcessIdentity> newer_process = {};
};

/// Keeps the records of kernels that run. Belongs to the application, outlives the kernels; on their
/// executor.
class KernelRecorder {
 public:
  virtual ~KernelRecorder() = default;

  virtual void put(const KernelRecord& record) = 0;
  /// Its process has ended; a restart may give it another.
  virtual void remove(const std::string& kernel_id) = 0;

  /// Ends when everything until now is on disk. What is not must not be acknowledged; the error is for the
  /// client.
  virtual Task<Result<void>> written() = 0;
};

}  // namespace nextgen_kernels
