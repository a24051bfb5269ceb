#include "plugins/adoption_record.h"

#include "base/log.h"
#include "base/strings.h"
#include "plugins/abi_text.h"
#include "plugins/plugin_reply.h"
#include "runtime/loop_watchdog.h"

namespace nextgen_kernels {

nlohmann::json ask_adoption_record(std::string_view class_reference, void* self,
                                   void (*function)(void* self, nk_reply reply)) {
  if (function == nullptr) return nullptr;
  ImmediateReply reply;
  const LoopScope scope("a call of", class_reference);
  function(self, reply.abi());
  const auto text = reply.take();
  auto record = text ? parse_recorded_json(*text, "What it answered") : std::unexpected(text.error());
  if (record) return *std::move(record);
  log_warning(
      "adoption_record of {} failed: {} If this server is killed now, the next one does not know what it "
      "should.",
      class_reference, as_sentence(record.error().message));
  return nullptr;
}

}  // namespace nextgen_kernels
