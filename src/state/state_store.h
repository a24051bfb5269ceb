#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/timestamp.h"
#include "runtime/process_identity.h"

namespace nextgen_kernels {

/// Who the rows of a store belong to: one run of a server.
struct ServerInstance {
  std::string id;  ///< Random.
  std::string host;
  std::string domain;  ///< Where `process` means something: `process_domain()`.
  ProcessIdentity process;
};

/// A kernel as a server keeps it: what the record says is the caller's. Holds secrets (`key`).
struct StoredKernel {
  std::string kernel_id;
  std::string record;
  Timestamp seen;  ///< When its server is known to have received what it sent.
};

struct StoredSession {
  std::string id;
  std::string kernel_id;
  std::string path;
  std::string name;
  std::string type;
  std::string username = {};  ///< Whose it is.
};

/// What servers that are gone left behind.
struct LeftBehind {
  std::vector<StoredKernel> kernels;
  std::vector<StoredSession> sessions;
};

/// What has changed since the last write; each kernel and session is in it once.
struct StateChanges {
  std::vector<StoredKernel> kernels = {};  ///< New ones, and those whose record is another now.
  std::vector<std::string> removed_kernels = {};
  std::vector<StoredSession> sessions = {};
  std::vector<std::string> removed_sessions = {};
  std::optional<Timestamp> seen = {};  ///< All our kernels were heard until then.
};

/// The file of the servers that run on this host until it is booted again: `state-HOST-BOOT.sqlite`. What an
/// earlier boot left is worth nothing, as its processes are gone; so the file need not survive a crash of the
/// machine, only one of its servers.
std::filesystem::path state_file_of_this_boot(const std::filesystem::path& directory, std::string_view host);

/// Removes the files of earlier boots of the host.
void remove_files_of_earlier_boots(const std::filesystem::path& directory, std::string_view host);

/// What servers keep on disk for the one that comes after them, in one SQLite file for all servers of a data
/// directory: which kernels they run, how these are reached, and the sessions. Each row belongs to one
/// `ServerInstance`.
///
/// The file is the owner's alone (0600, in a directory with 0700). Each call is one transaction, complete or
/// not there, also when the process is killed or the disk is full. After a crash of the machine the file may
/// be broken. Calls block; they may come from any thread, one at a time.
class StateStore {
 public:
  /// Opens the file, makes it when there is none, and registers the instance. Fails when the file is broken,
  /// cannot be written, or was made by a newer version; the message says what to do.
  static Result<std::unique_ptr<StateStore>> open(const std::filesystem::path& file,
                                                  const ServerInstance& us);

  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  ~StateStore();

  const std::filesystem::path& file() const { return file_; }
  const ServerInstance& us() const { return us_; }

  Result<void> apply(const StateChanges& changes);

  /// Puts this in the place of all that is ours, after a write has failed. Opens the file anew, or makes it
  /// when somebody has removed it.
  Result<void> replace(const LeftBehind& ours);

  /// Makes ours what instances have that do not run any more, and tells it. Of two servers that ask at the
  /// same time one gets it. What was left before this machine (or container) was started anew is removed:
  /// it ended with that. Rows of other machines are left alone.
  Result<LeftBehind> take_left_behind();

  /// Removes all that is ours, and the instance: nothing is left behind.
  Result<void> leave();

 private:
  class Database;
  StateStore(std::filesystem::path file, ServerInstance us, std::unique_ptr<Database> database);

  static Result<std::unique_ptr<Database>> open_database(const std::filesystem::path& file,
                                                         const ServerInstance& us);

  // Parts of a transaction.
  Result<void> remove_kernel(const std::string& kernel_id);
  Result<void> remove_session(const std::string& session_id);
  Result<void> insert(const StoredKernel& kernel);
  Result<void> insert(const StoredSession& session);
  Result<void> remove_all_of_ours();

  std::filesystem::path file_;
  ServerInstance us_;
  std::unique_ptr<Database> database_;
};

}  // namespace nextgen_kernels
