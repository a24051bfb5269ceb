/// \file A plugin whose listener writes what it sees into a file, one JSON line for each message. Where the
/// environment names a pipe in RECORDING_GATE, it waits for a byte, or the pipe's end, before each message.

#include <cstdlib>
#include <fstream>
#include <string>

#include <nextgen_kernels/plugin.h>

namespace nk = nextgen_kernels::plugin;

namespace {

class RecordingListener : public nk::Listener {
 public:
  explicit RecordingListener(const nk::Context& context)
      : Listener(context), file_(std::getenv("RECORDING_FILE"), std::ios::app) {
    if (const char* gate = std::getenv("RECORDING_GATE")) gate_.open(gate);
    write("begin", context.kernel_name());
  }
  ~RecordingListener() override { write("end", context().kernel_name()); }

  void on_message(const nk::Message& message) override {
    if (gate_.is_open()) gate_.get();
    file_ << nk::Json::object({{"number", static_cast<std::int64_t>(message.number())},
                               {"channel", static_cast<int>(message.channel())},
                               {"type", message.msg_type()},
                               {"parent", message.parent_msg_id()},
                               {"content", nk::Json::parse(message.content())}})
                 .dump()
          << std::endl;
  }

 private:
  void write(const char* what, const std::string& of) {
    file_ << nk::Json::object({{what, of}}).dump() << std::endl;
  }

  std::ofstream file_;
  std::ifstream gate_;
};

class ThrowingListener : public nk::Listener {
 public:
  explicit ThrowingListener(const nk::Context& context) : Listener(context) {
    throw nk::Error(nk::ErrorCode::unavailable, "This listener cannot be made");
  }
  void on_message(const nk::Message&) override {}
};

}  // namespace

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<RecordingListener>("recording:RecordingListener"),
                       nk::plugin_class<ThrowingListener>("recording:ThrowingListener"))
