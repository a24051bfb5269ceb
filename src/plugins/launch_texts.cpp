#include "plugins/launch_texts.h"

#include "plugins/abi_text.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;

/// Reads members of an object; the first that is missing or of another type is the error.
class Reader {
 public:
  Reader(const json& object, std::string_view what, const OriginalTexts& originals)
      : object_(object), what_(what), originals_(originals) {}

  std::string text(const char* name) {
    const auto member = find(name, &json::is_string, "a string");
    return member == nullptr ? std::string() : originals_.restored(member->get_ref<const std::string&>());
  }

  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> texts;
    const auto* member = find(name, &json::is_array, "a list of strings");
    if (member == nullptr) return texts;
    for (const auto& element : *member) {
      if (!element.is_string()) {
        fail(name, "a list of strings");
        return {};
      }
      texts.push_back(originals_.restored(element.get_ref<const std::string&>()));
    }
    return texts;
  }

  std::map<std::string, std::string> named_texts(const char* name) {
    std::map<std::string, std::string> texts;
    const auto* member = find(name, &json::is_object, "an object of strings");
    if (member == nullptr) return texts;
    for (const auto& [key, value] : member->items()) {
      if (!value.is_string()) {
        fail(name, "an object of strings");
        return {};
      }
      texts.emplace(originals_.restored(key), originals_.restored(value.get_ref<const std::string&>()));
    }
    return texts;
  }

  const json* object(const char* name) { return find(name, &json::is_object, "an object"); }

  json value(const char* name) {
    const auto member = object_.find(name);
    if (member != object_.end()) return *member;
    fail(name, "a member");
    return {};
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  const json* find(const char* name, bool (json::*is)() const noexcept, std::string_view wanted) {
    const auto member = object_.find(name);
    if (member != object_.end() && ((*member).*is)()) return &*member;
    fail(name, wanted);
    return nullptr;
  }
  void fail(std::string_view name, std::string_view wanted) {
    if (!error_)
      error_ =
          Error{ErrorCode::protocol, fmt::format("The {} of a plugin needs {} as {}", what_, name, wanted)};
  }

  const json& object_;
  std::string_view what_;
  const OriginalTexts& originals_;
  std::optional<Error> error_;
};

}  // namespace

std::string write_launch_request(const LaunchRequest& request, OriginalTexts& originals) {
  const json object = {{"kernel_id", request.kernel_id},
                       {"kernel_name", request.spec.name},
                       {"resource_dir", originals.shown(request.spec.resource_dir.native())},
                       {"kernel_spec", request.spec.to_json()},
                       {"environment", originals.shown(request.environment)},
                       {"working_directory", originals.shown(request.working_directory.native())}};
  return to_json_text(object);
}

Result<LaunchRequest> read_launch_request(std::string_view text, const OriginalTexts& originals) {
  constexpr std::string_view what = "launch request";
  const auto object = parse_json_object(text, "The launch request of a plugin");
  if (!object) return std::unexpected(object.error());
  Reader reader(*object, what, originals);
  LaunchRequest request{.spec = {},
                        .kernel_id = reader.text("kernel_id"),
                        .environment = reader.named_texts("environment"),
                        .working_directory = reader.text("working_directory")};
  const auto name = reader.text("kernel_name");
  const auto resource_dir = reader.text("resource_dir");
  const auto* spec_object = reader.object("kernel_spec");
  if (reader.error()) return std::unexpected(*reader.error());
  auto spec = parse_kernel_spec(name, resource_dir, to_json_text(*spec_object));
  if (!spec) return std::unexpected(spec.error());
  request.spec = *std::move(spec);
  return request;
}

std::string write_adoption_request(const AdoptionRequest& request) {
  return to_json_text({{"kernel_id", request.kernel_id},
                       {"record", request.record},
                       {"connection_info", request.connection_info}});
}

Result<AdoptionRequest> read_adoption_request(std::string_view text) {
  const auto object = parse_json_object(text, "The adoption request of a plugin");
  if (!object) return std::unexpected(object.error());
  const OriginalTexts originals;
  Reader reader(*object, "adoption request", originals);
  AdoptionRequest request{
      .kernel_id = reader.text("kernel_id"), .record = reader.value("record"), .connection_info = {}};
  const auto* connection_info = reader.object("connection_info");
  if (reader.error()) return std::unexpected(*reader.error());
  request.connection_info = *connection_info;
  return request;
}

std::string write_process(const ProcessDescription& process, OriginalTexts& originals) {
  auto argv = json::array();
  for (const auto& argument : process.argv) argv.push_back(originals.shown(argument));
  return to_json_text({{"argv", std::move(argv)},
                       {"environment", originals.shown(process.environment)},
                       {"working_directory", originals.shown(process.working_directory.native())}});
}

Result<ProcessDescription> read_process(std::string_view text, const OriginalTexts& originals) {
  const auto object = parse_json_object(text, "The process of a plugin");
  if (!object) return std::unexpected(object.error());
  Reader reader(*object, "process", originals);
  ProcessDescription process{.argv = reader.texts("argv"),
                             .environment = reader.named_texts("environment"),
                             .working_directory = reader.text("working_directory")};
  if (reader.error()) return std::unexpected(*reader.error());
  if (process.argv.empty())
    return make_error(ErrorCode::protocol, "The process of a plugin needs a command: its argv is empty");
  return process;
}

}  // namespace nextgen_kernels
