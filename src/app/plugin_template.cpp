#include "app/plugin_template.h"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "app/plugin_template_files.h"
#include "base/strings.h"
#include "clients/zmq/jupyter_server_kernel_client.h"
#include "discovery/plugin_abi_version.h"
#include "provisioners/local/local_provisioner.h"
#include "registry/entry_point.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

bool is_letter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char character) {
    return character >= 'a' && character <= 'z' ? static_cast<char>(character - 'a' + 'A') : character;
  });
  return upper;
}

bool is_package_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  return !name.empty() && name.size() <= longest && is_letter(name.front()) &&
         std::ranges::all_of(name, [](char character) {
           return is_letter(character) || (character >= '0' && character <= '9') || character == '-' ||
                  character == '_' || character == '.';
         });
}

/// "my-kernels" as `my_kernels`.
std::string module_of(std::string_view name) {
  std::string module(name);
  std::ranges::replace_if(module, [](char character) { return character == '-' || character == '.'; }, '_');
  return module;
}

/// "my-kernels" as `MyKernels`.
std::string class_prefix_of(std::string_view name) {
  std::string prefix;
  bool begins_word = true;
  for (const char character : name) {
    const bool separates = character == '-' || character == '_' || character == '.';
    if (!separates) prefix += begins_word ? to_upper({&character, 1}) : std::string(1, character);
    begins_word = separates;
  }
  return prefix;
}

/// One package: what its names are, and which parts it has.
class Package {
 public:
  Package(std::string_view name, const std::vector<PluginPart>& parts)
      : name_(name), module_(module_of(name)), class_prefix_(class_prefix_of(name)), parts_(parts) {}

  std::vector<TemplateFile> files() const {
    return {{"CMakeLists.txt", filled("CMakeLists.txt.in")},
            {"README.md", filled("README.md.in")},
            {".gitignore", "build/\n"},
            {module_ + ".cpp", source()},
            {module_ + ".json", manifest().dump(2) + "\n"},
            {std::filesystem::path("kernels") / spec() / "kernel.json", filled("kernel.json.in")},
            {std::filesystem::path("test") / "test.sh", filled("test.sh.in")}};
  }

 private:
  bool has(PluginPart part) const { return std::ranges::find(parts_, part) != parts_.end(); }
  std::string spec() const { return to_lower(name_); }
  std::string reference(std::string_view suffix) const {
    return fmt::format("{}:{}{}", module_, class_prefix_, suffix);
  }

  std::string source() const {
    std::string text = "#include <string>\n\n#include <nextgen_kernels/plugin.h>\n\n";
    text += "namespace nk = nextgen_kernels::plugin;\n\nnamespace {\n\n";
    text += filled("provisioner.cpp.in");
    if (has(PluginPart::client)) text += filled("client.cpp.in");
    if (has(PluginPart::listener)) text += filled("listener.cpp.in");
    text += "}  // namespace\n\n";
    std::vector<std::string> classes;
    for (const auto& suffix : suffixes())
      classes.push_back(
          fmt::format("nk::plugin_class<{}{}>(\"{}\")", class_prefix_, suffix, reference(suffix)));
    return text +
           fmt::format("NEXTGEN_KERNELS_PLUGIN({})\n", fmt::join(classes, ",\n                       "));
  }

  std::vector<std::string> suffixes() const {
    std::vector<std::string> suffixes = {"Provisioner"};
    if (has(PluginPart::client)) suffixes.emplace_back("Client");
    if (has(PluginPart::listener)) suffixes.emplace_back("Listener");
    return suffixes;
  }

  Json manifest() const {
    Json classes = Json::array();
    classes.push_back(
        {{"reference", reference("Provisioner")},
         {"kind", "provisioner"},
         {"bases", {LocalProvisioner::reference}},
         {"options",
          {{"greeting",
            {{"type", "string"}, {"default", "hello"}, {"help", "A text for the kernel's environment"}}}}}});
    Json entry_points = {
        {kernel_provisioners_entry_point_group, {{name_ + "-provisioner", reference("Provisioner")}}}};
    if (has(PluginPart::client)) {
      classes.push_back({{"reference", reference("Client")},
                         {"kind", "client"},
                         {"bases", {JupyterServerKernelClient::reference}},
                         {"options",
                          {{"log_count",
                            {{"type", "boolean"},
                             {"default", true},
                             {"help", "Whether the number of messages is written into the log"}}}}}});
      entry_points[client_registry_entry_point_group] = {{reference("Provisioner"), reference("Client")}};
    }
    if (has(PluginPart::listener))
      classes.push_back(
          {{"reference", reference("Listener")}, {"kind", "listener"}, {"kernel_names", {spec()}}});
    return {{"manifest_version", 1},
            {"package", name_},
            {"version", "0.1.0"},
            {"abi", plugin_abi_version},
            {"library", fmt::format("lib{}_plugin.so", module_)},
            {"classes", std::move(classes)},
            {"entry_points", std::move(entry_points)}};
  }

  std::string parts_in_words() const {
    if (has(PluginPart::client) && has(PluginPart::listener))
      return "a provisioner, a kernel client and a listener";
    if (has(PluginPart::client)) return "a provisioner and a kernel client";
    if (has(PluginPart::listener)) return "a provisioner and a listener";
    return "a provisioner";
  }

  /// A file of the template, with `@NAME@` replaced by what it stands for.
  std::string filled(std::string_view file) const {
    const std::string_view text = plugin_template_file(file);
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
      const auto start = text.find('@', at);
      const auto end = start == std::string_view::npos ? start : text.find('@', start + 1);
      if (end == std::string_view::npos) return result.append(text.substr(at));
      result.append(text.substr(at, start - at)).append(value_of(text.substr(start + 1, end - start - 1)));
      at = end + 1;
    }
    return result;
  }

  std::string value_of(std::string_view placeholder) const {
    if (placeholder == "PACKAGE") return name_;
    if (placeholder == "MODULE") return module_;
    if (placeholder == "CLASS") return class_prefix_;
    if (placeholder == "VARIABLE") return to_upper(module_);
    if (placeholder == "SPEC") return spec();
    if (placeholder == "PARTS") return parts_in_words();
    if (placeholder == "CLIENT_CHECK")
      return has(PluginPart::client) ? filled("client_explain_check.sh.in") : std::string();
    if (placeholder == "RUN_CHECKS")
      return (has(PluginPart::client) ? filled("client_check.sh.in") : std::string()) +
             (has(PluginPart::listener) ? filled("listener_check.sh.in") : std::string());
    throw std::logic_error(fmt::format("The template of plugins has no value for {}", placeholder));
  }

  std::string name_;
  std::string module_;
  std::string class_prefix_;
  const std::vector<PluginPart>& parts_;
};

}  // namespace

Result<std::vector<TemplateFile>> new_plugin_package(std::string_view name,
                                                     const std::vector<PluginPart>& parts) {
  if (!is_package_name(name))
    return make_error(ErrorCode::invalid_argument,
                      "{:?} is not a name for a package: begin with a letter, and use letters, digits, '-', "
                      "'_' and '.', 64 at most",
                      printable(name));
  return Package(name, parts).files();
}

}  // namespace nextgen_kernels
