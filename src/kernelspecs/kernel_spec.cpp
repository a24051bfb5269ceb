#include "kernelspecs/kernel_spec.h"

#include <algorithm>
#include <utility>

#include "base/small_file.h"
#include "base/strings.h"
#include "kernelspecs/kernel_spec_resources.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_file_size = 1024 * 1024;
/// Nesting that a person writes stays far below; beyond it, printing the value again could exhaust the stack.
constexpr int max_depth = 64;

constexpr bool holds_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

/// What the JSON library says about a syntax error, without its own numbering and without the text it last
/// read, which may be a secret.
std::string syntax_complaint(std::string_view what) {
  if (const auto dash = what.find(" - "); dash != std::string_view::npos) what.remove_prefix(dash + 3);
  return std::string(what.substr(0, what.find("; last read: ")));
}

/// The place of a syntax error: `line:column`, both from 1, columns in bytes.
std::string place_of(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, byte == 0 ? 0 : byte - 1);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto newline = before.rfind('\n');
  const auto column = 1 + before.size() - (newline == std::string_view::npos ? 0 : newline + 1);
  return fmt::format("{}:{}", line, column);
}

/// Errors of the functions below speak of the field; `parse_kernel_spec` puts the file before them.
Result<std::string> string_field(const Json& object, const char* key) {
  const auto field = object.find(key);
  if (field == object.end()) return std::string();
  if (!field->is_string())
    return make_error(ErrorCode::invalid_argument, "{} must be a string, it is {}", key, field->type_name());
  return field->get<std::string>();
}

Result<Json> object_field(const Json& object, const char* key) {
  const auto field = object.find(key);
  if (field == object.end()) return Json::object();
  if (!field->is_object())
    return make_error(ErrorCode::invalid_argument, "{} must be an object, it is {}", key, field->type_name());
  return *field;
}

Result<std::vector<std::string>> read_argv(const Json& document, bool may_be_empty) {
  constexpr std::string_view advice =
      R"(it is the command that starts the kernel, as in ["python3", "-m", "ipykernel_launcher", "-f", )"
      R"("{connection_file}"])";
  const auto field = document.find("argv");
  if (field == document.end() && may_be_empty) return std::vector<std::string>();
  if (field == document.end()) return make_error(ErrorCode::invalid_argument, "argv is missing; {}", advice);
  if (!field->is_array())
    return make_error(ErrorCode::invalid_argument, "argv must be a list of strings, it is {}; {}",
                      field->type_name(), advice);
  if (field->empty() && !may_be_empty)
    return make_error(ErrorCode::invalid_argument, "argv is empty; {}", advice);
  std::vector<std::string> argv;
  for (const auto& argument : *field) {
    if (!argument.is_string())
      return make_error(ErrorCode::invalid_argument, "argv[{}] must be a string, it is {}", argv.size(),
                        argument.type_name());
    argv.push_back(argument.get<std::string>());
    if (holds_nul(argv.back()))
      return make_error(ErrorCode::invalid_argument,
                        "argv[{}] holds a NUL character, which no command line can carry", argv.size() - 1);
  }
  if (!argv.empty() && argv.front().empty())
    return make_error(ErrorCode::invalid_argument, "argv[0] is empty; it names the program to run");
  return argv;
}

Result<std::map<std::string, std::string>> read_env(const Json& document) {
  const auto object = object_field(document, "env");
  if (!object) return std::unexpected(object.error());
  std::map<std::string, std::string> env;
  for (const auto& [name, value] : object->items()) {
    if (name.empty() || holds_nul(name) || name.contains('='))
      return make_error(ErrorCode::invalid_argument, "env: {} is not a name of an environment variable",
                        Json(name).dump());
    if (!value.is_string())
      return make_error(ErrorCode::invalid_argument, "env.{} must be a string, it is {}", name,
                        value.type_name());
    env[name] = value.get<std::string>();
    if (holds_nul(env[name]))
      return make_error(ErrorCode::invalid_argument,
                        "env.{} holds a NUL character, which no environment can carry", name);
  }
  return env;
}

Result<InterruptMode> read_interrupt_mode(const Json& document) {
  const auto text = string_field(document, "interrupt_mode");
  if (!text) return std::unexpected(text.error());
  const auto mode = to_lower(*text);
  if (mode == "signal" || !document.contains("interrupt_mode")) return InterruptMode::signal;
  if (mode == "message") return InterruptMode::message;
  return make_error(ErrorCode::invalid_argument, R"(interrupt_mode must be "signal" or "message", it is {})",
                    Json(*text).dump());
}

Result<ProvisionerReference> read_provisioner(const Json& metadata) {
  const auto within = [](Error error) {
    error.message = "metadata." + error.message;
    return std::unexpected(std::move(error));
  };
  const auto provisioner = object_field(metadata, "kernel_provisioner");
  if (!provisioner) return within(provisioner.error());
  const auto inside = [&within](Error error) {
    error.message = "kernel_provisioner." + error.message;
    return within(std::move(error));
  };
  auto name = string_field(*provisioner, "provisioner_name");
  if (!name) return inside(std::move(name.error()));
  if (name->empty() && provisioner->contains("provisioner_name"))
    return inside(
        Error{ErrorCode::invalid_argument,
              "provisioner_name is empty; name a provisioner, or leave the field out to use the default"});
  const auto config = object_field(*provisioner, "config");
  if (!config) return inside(config.error());
  return ProvisionerReference{.name = *std::move(name), .config = nlohmann::json(*config)};
}

Result<Json> read_document(std::string_view text) {
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  try {
    auto document = Json::parse(text, limit_depth);
    if (too_deep)
      return make_error(ErrorCode::invalid_argument, " values are nested more than {} levels deep",
                        max_depth);
    if (!document.is_object())
      return make_error(ErrorCode::invalid_argument, " must be a JSON object, it is {}",
                        document.type_name());
    return document;
  } catch (const Json::parse_error& error) {
    return make_error(ErrorCode::invalid_argument, "{}: invalid JSON: {}", place_of(text, error.byte),
                      syntax_complaint(error.what()));
  } catch (const Json::exception&) {
    return make_error(ErrorCode::invalid_argument, " invalid JSON: a number is out of range");
  }
}

Result<KernelSpec> read_spec(std::string_view name, const Json& document) {
  KernelSpec spec;
  spec.name = name;
  auto env = read_env(document);
  if (!env) return std::unexpected(std::move(env.error()));
  spec.env = *std::move(env);
  for (const auto& [key, member] :
       {std::pair{"display_name", &KernelSpec::display_name}, std::pair{"language", &KernelSpec::language},
        std::pair{"kernel_protocol_version", &KernelSpec::kernel_protocol_version}}) {
    auto text = string_field(document, key);
    if (!text) return std::unexpected(std::move(text.error()));
    spec.*member = *std::move(text);
  }
  if (spec.display_name.empty()) spec.display_name = spec.name;
  const auto interrupt_mode = read_interrupt_mode(document);
  if (!interrupt_mode) return std::unexpected(interrupt_mode.error());
  spec.interrupt_mode = *interrupt_mode;
  auto metadata = object_field(document, "metadata");
  if (!metadata) return std::unexpected(std::move(metadata.error()));
  spec.metadata = *std::move(metadata);
  auto provisioner = read_provisioner(spec.metadata);
  if (!provisioner) return std::unexpected(std::move(provisioner.error()));
  spec.provisioner = *std::move(provisioner);
  // A provisioner that starts nothing by a command needs none; jupyter_client demands none either.
  auto argv = read_argv(document, !spec.provisioner.name.empty());
  if (!argv) return std::unexpected(std::move(argv.error()));
  spec.argv = *std::move(argv);
  return spec;
}

}  // namespace

std::string_view to_string(InterruptMode mode) {
  return mode == InterruptMode::signal ? "signal" : "message";
}

nlohmann::ordered_json KernelSpec::to_json() const {
  return {{"argv", argv},
          {"env", env},
          {"display_name", display_name},
          {"language", language},
          {"interrupt_mode", to_string(interrupt_mode)},
          {"metadata", metadata},
          {"kernel_protocol_version", kernel_protocol_version}};
}

Result<KernelSpec> parse_kernel_spec(std::string_view name, const std::filesystem::path& resource_dir,
                                     std::string_view kernel_json) {
  const auto file = (resource_dir / "kernel.json").string();
  const auto document = read_document(kernel_json);
  if (!document) return make_error(document.error().code, "{}:{}", file, document.error().message);
  auto spec = read_spec(name, *document);
  if (!spec) return make_error(spec.error().code, "{}: {}", file, spec.error().message);
  spec->resource_dir = resource_dir;
  return spec;
}

Result<KernelSpec> load_kernel_spec(std::string_view name, const std::filesystem::path& resource_dir) {
  const auto text = read_small_text(resource_dir / "kernel.json", max_file_size);
  if (!text) return std::unexpected(text.error());
  auto spec = parse_kernel_spec(name, resource_dir, *text);
  if (spec) spec->resources = list_kernel_spec_resources(resource_dir);
  return spec;
}

}  // namespace nextgen_kernels
