#include "app/server_url.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

// The address of a server, as a person writes it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto url = ServerUrl::parse(as_text(data, size));
  if (!url) {
    require(!url.error().message.empty());
    return 0;
  }
  require(url->host.empty() != url->sock.empty());
  require(url->base_path.starts_with('/') && url->base_path.ends_with('/'));
  return 0;
}
