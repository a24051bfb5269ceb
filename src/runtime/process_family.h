#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/process_identity.h"

namespace nextgen_kernels {

/// Where a process listens: a TCP port, or the path of a Unix socket.
struct ListenAddress {
  std::uint16_t port = 0;
  std::string path;
};

/// What is known of a family, for the server that adopts it.
struct FamilyRecord {
  bool settled = false;
  std::vector<ProcessIdentity> members = {};
  std::optional<ProcessIdentity> listener = {};
};

/// What a child process started that left its process group: the program that a wrapper such as `setsid`,
/// `script`, `timeout` or `subprocess` with `start_new_session` runs. Signals to the child's group do not
/// reach it, and it would go on when the wrapper ends. Processes whose parent has ended are found by an
/// environment variable that all of the family have.
///
/// Until `settle`, everything that the child started is a member; after that, only what was found then: what
/// the user's code starts in a session of its own is meant to outlive the kernel, as in Jupyter Server.
/// Belongs to a `ChildProcess` and its executor. Each look reads some files of /proc for each process of the
/// family.
class ProcessFamily {
 public:
  /// `mark` is an entry of the environment, "NAME=VALUE", that no process outside the family has; empty:
  /// there is none.
  ProcessFamily(const ProcessIdentity& root, std::string mark);
  /// Goes on with what another process knew.
  ProcessFamily(const ProcessIdentity& root, std::string mark, FamilyRecord record);

  /// Looks for new members, unless it is settled.
  void look();

  /// Says that the program serves, at this address. Of the members, those between the root and the process
  /// that listens there stay; none, when that one is in the group of the root.
  void settle(const ListenAddress& address);

  /// The members that run. Those of another user, whom we may not signal, are left out.
  std::vector<ProcessIdentity> running() const;

  /// Sends a signal to the process groups of all members.
  void signal(int signal_number) const;

  /// Sends a signal to the process group of the member that listens; false when there is none, or it cannot
  /// be signalled.
  bool signal_listener(int signal_number) const;

  /// Collects members that are our children by now and have ended.
  void collect() const;

  const FamilyRecord& record() const { return record_; }

 private:
  std::vector<pid_t> candidates() const;

  ProcessIdentity root_;
  std::string mark_;
  FamilyRecord record_;
};

}  // namespace nextgen_kernels
