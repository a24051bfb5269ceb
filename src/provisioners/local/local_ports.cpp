#include "provisioners/local/local_ports.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <set>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"

namespace nextgen_kernels {
namespace {

constexpr std::uint32_t lowest_port = 10'000;
constexpr std::uint32_t default_ephemeral_start = 32'768;
constexpr int attempts = 1000;

/// Ports held by the kernels of this process.
struct HeldPorts {
  std::mutex mutex;
  std::set<std::uint16_t> ports;
};

HeldPorts& held_ports() {
  static HeldPorts instance;
  return instance;
}

std::uint32_t highest_port() {
  std::uint32_t start = default_ephemeral_start;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> start;
  // A system may use nearly all ports for outgoing connections; then there is no range of our own.
  return start > lowest_port + 1000 ? start - 1 : 65'535;
}

bool can_bind(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) return false;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  // As libzmq binds in the kernel: what is in TIME_WAIT does not matter.
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

}  // namespace

Result<LocalPorts> LocalPorts::choose(const std::string& ip) {
  auto& held = held_ports();
  const std::lock_guard lock(held.mutex);
  const auto highest = highest_port();
  std::array<std::uint16_t, 5> chosen{};
  std::size_t count = 0;
  for (int attempt = 0; attempt < attempts && count < chosen.size(); ++attempt) {
    const auto port = static_cast<std::uint16_t>(random_between(lowest_port, highest));
    if (held.ports.contains(port) || !can_bind(ip, port)) continue;
    held.ports.insert(port);
    chosen[count++] = port;
  }
  if (count == chosen.size()) return LocalPorts(chosen);
  for (std::size_t i = 0; i < count; ++i) held.ports.erase(chosen[i]);
  return make_error(
      ErrorCode::io,
      "No five free TCP ports on '{}' in {}-{}. KernelManager.ip must be an IPv4 address of this machine.",
      ip, lowest_port, highest);
}

LocalPorts::LocalPorts(LocalPorts&& other) noexcept : numbers_(std::exchange(other.numbers_, {})) {}

LocalPorts& LocalPorts::operator=(LocalPorts&& other) noexcept {
  if (this != &other) {
    release();
    numbers_ = std::exchange(other.numbers_, {});
  }
  return *this;
}

LocalPorts::~LocalPorts() {
  release();
}

void LocalPorts::release() {
  if (numbers_.front() == 0) return;
  auto& held = held_ports();
  const std::lock_guard lock(held.mutex);
  for (const auto port : numbers_) held.ports.erase(port);
}

bool LocalPorts::any_taken(const std::string& ip) const {
  return std::ranges::any_of(numbers_, [&](std::uint16_t port) { return !can_bind(ip, port); });
}

}  // namespace nextgen_kernels
