#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/timestamp.h"
#include "interfaces/connection_info.h"
#include "kernelspecs/kernel_spec.h"
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

  std::string to_json() const;

  /// The error says which field is wrong, and no value.
  static Result<KernelRecord> parse(std::string_view json);
};

/// What a process that is launched by this spec is: equal for specs that launch the same.
nlohmann::json origin_of(const KernelSpec& spec);

/// A kernel of a server that is gone.
struct AbandonedKernel {
  KernelRecord record;
  Timestamp seen;  ///< When that server is known to have had everything the kernel sent.
};

/// Keeps the records of kernels that run. Belongs to the application, outlives the kernels; on their
/// executor. A record that cannot be kept is the recorder's to report: kernels do not depend on it.
class KernelRecorder {
 public:
  virtual ~KernelRecorder() = default;

  virtual void put(const KernelRecord& record) = 0;
  /// Its process has ended; a restart may give it another.
  virtual void remove(const std::string& kernel_id) = 0;

  /// Ends when everything until now is on disk, or has failed.
  virtual Task<void> written() = 0;
};

}  // namespace nextgen_kernels
