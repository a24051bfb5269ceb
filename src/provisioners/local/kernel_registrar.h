#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "interfaces/connection_info.h"
#include "kernelspecs/kernel_spec.h"
#include "runtime/event.h"
#include "runtime/zmq_router.h"

namespace nextgen_kernels {

/// How a kernel that chooses its own ports tells them (JEP 66 "handshaking"): as jupyter_client's
/// documentation says, which xeus kernels do, or as kallichore's, which ark does.
enum class RegistrationDialect { jupyter, kallichore };

/// Whether kernels of this spec register, and how: `metadata.registration` says "jupyter", "kallichore" or
/// "none"; without it, "jupyter" from `kernel_protocol_version` 5.6 on. Kernels of 5.5 are asked for it only
/// by the metadata, since most that say 5.5 (ipykernel) cannot do it.
Result<std::optional<RegistrationDialect>> registration_dialect(const KernelSpec& spec);

/// The socket at which kernels register the ports that they bound themselves. One for all kernels of a
/// server, owned by the application, on one executor; it listens from the first kernel on.
class KernelRegistrar {
 public:
  using Frames = ZmqRouter::Frames;

  KernelRegistrar(Executor executor, std::string ip);
  KernelRegistrar(const KernelRegistrar&) = delete;
  KernelRegistrar& operator=(const KernelRegistrar&) = delete;

  /// A kernel will register, with messages signed by `key` (hmac-sha256). Replaces what was expected of this
  /// id. Gives what the kernel's connection file must say.
  Result<ConnectionInfo> expect(const std::string& kernel_id, const std::string& key,
                                RegistrationDialect dialect);

  bool is_registered(const std::string& kernel_id) const;

  /// Ends with the complete connection info when the kernel has registered; it may be cancelled. Fails when
  /// the kernel is not expected.
  Task<Result<ConnectionInfo>> wait_for(std::string kernel_id);

  void forget(const std::string& kernel_id) { expected_.erase(kernel_id); }

  /// What a message is answered that came to the socket, from whomever; nothing when it is refused, which is
  /// logged.
  std::optional<Frames> answer_to(const Frames& message);

  /// Ends listening, so that an event loop that has nothing else to do ends too.
  void stop() { router_.reset(); }

 private:
  struct Expected {
    std::string key;
    std::optional<ConnectionInfo> info;
  };
  Result<Frames> take(const Frames& message);
  Result<void> note_ports(Expected& expected, const nlohmann::json& content) const;
  Result<Frames> answer_jupyter(const std::string& kernel_id, Expected& expected, const std::string& content);
  Result<Frames> answer_kallichore(Expected& expected, const Frames& parts);

  Executor executor_;
  std::string ip_;
  std::unique_ptr<ZmqRouter> router_;
  std::map<std::string, Expected> expected_;
  std::uint64_t refused_ = 0;
  Event changed_;
};

}  // namespace nextgen_kernels
