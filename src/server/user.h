#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// Who asks (Jupyter's `User`), how they show it, and what they may do.
struct User {
  std::string username = {};         ///< Empty: the server's own user, who has its token or password.
  std::string display_name = {};     ///< Empty: the username.
  std::string token = {};            ///< Empty: none.
  std::string hashed_password = {};  ///< Empty: none. As `hash_password` makes it.
  bool read_only = false;            ///< May look and listen; starts, runs and ends nothing.
  bool all_kernels = false;          ///< Has the kernels of others, too.

  /// Whether kernels of this user are among what this one may see.
  bool has_kernels_of(const std::string& owner) const { return all_kernels || owner == username; }
};

/// What tells the client sessions of a kernel apart, see `Conversation::audience_of`: sessions of the same id
/// that different users open are different ones.
std::string listener_name(const User& user, std::string_view session_id);
/// The session of a listener.
std::string_view session_of(std::string_view listener_name);

using UserPointer = std::shared_ptr<const User>;

/// Reads `IdentityProvider.users`: JSON objects, each as its text. Fails with `invalid_argument` when one is
/// not as it must be; the message names no secret.
Result<std::vector<User>> parse_users(const std::vector<std::string>& objects);

}  // namespace nextgen_kernels
