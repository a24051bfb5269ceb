#include <string>
#include <vector>

#include "fuzzing.h"
#include "server/user.h"

using namespace nextgen_kernels;

// Entries of IdentityProvider.users; who is taken can show who they are. A well-formed hash of a password
// would cost the time that argon2 is made to take, so there is none here.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = as_text(data, size);
  if (input.find("m=") != std::string_view::npos) return 0;
  std::vector<std::string> objects;
  for (const auto piece : split_input(input)) objects.emplace_back(piece);
  const auto users = parse_users(objects);
  if (!users) {
    require(users.error().message.starts_with("IdentityProvider.users"));
    return 0;
  }
  require(users->size() == objects.size());
  for (const auto& user : *users) require(!user.username.empty() && user.token.size() >= 16);
  return 0;
}
