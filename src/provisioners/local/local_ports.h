#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace nextgen_kernels {

/// The five TCP ports of one kernel, held against the other kernels of this process while the object lives.
///
/// They are taken from below the range the operating system uses for outgoing connections: nobody gets one of
/// them by chance between our choice and the kernel's bind, only a program that asks for exactly this port.
/// Against that the provisioner launches again with other ports.
class LocalPorts {
 public:
  /// Ports on which `ip` can be bound right now.
  static Result<LocalPorts> choose(const std::string& ip);

  LocalPorts(LocalPorts&& other) noexcept;
  LocalPorts& operator=(LocalPorts&& other) noexcept;
  ~LocalPorts();

  const std::array<std::uint16_t, 5>& numbers() const { return numbers_; }

  /// True when somebody listens on one of the ports.
  bool any_taken(const std::string& ip) const;

 private:
  explicit LocalPorts(std::array<std::uint16_t, 5> numbers) : numbers_(numbers) {}
  void release();

  std::array<std::uint16_t, 5> numbers_{};  // Zeros once moved from.
};

}  // namespace nextgen_kernels
