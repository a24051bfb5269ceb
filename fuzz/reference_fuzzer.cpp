#include "fuzzing.h"
#include "registry/class_reference.h"
#include "registry/connection_contract.h"
#include "registry/version.h"
#include "runtime/zmq_endpoint.h"

using namespace nextgen_kernels;

// The short texts of configuration, manifests and connection files; what is understood says itself again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  (void)ClassReference::parse(text);
  if (const auto version = Version::parse(text)) {
    require(*version == *version && Version::parse(version->text()).value() == *version);
    if (const auto range = VersionRange::parse("==" + version->text())) require(range->contains(*version));
  }
  (void)VersionRange::parse(text);
  if (const auto contract = ConnectionContract::parse(text))
    require(ConnectionContract::parse(contract->to_string()).value() == *contract);
  if (const auto contract = UnderstoodContract::parse(text))
    require(UnderstoodContract::parse(contract->to_string()).value() == *contract);
  if (const auto endpoint = ZmqEndpoint::parse(text)) {
    if (endpoint->transport == ZmqEndpoint::Transport::tcp)
      require(!endpoint->host.empty() && !endpoint->port.empty());
    else
      require(!endpoint->path.empty());
  }
  return 0;
}
