#include "config/configuration_files.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <ranges>
#include <set>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_descriptor.h"
#include "base/shell.h"
#include "base/strings.h"
#include "config/trait_json.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<fs::path> json_files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json") files.push_back(entry->path());
  std::ranges::sort(files);
  return files;
}

struct FileContent {
  std::string text = {};
  mode_t mode = 0;
};

Result<FileContent> read_file(const fs::path& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.get() < 0 || fstat(file.get(), &status) != 0)
    return make_errno_error("read configuration file", path.native(), errno);
  FileContent content{.mode = status.st_mode};
  char buffer[4096];
  while (true) {
    const auto count = read(file.get(), buffer, sizeof buffer);
    if (count < 0) return make_errno_error("read configuration file", path.native(), errno);
    if (count == 0) return content;
    content.text.append(buffer, static_cast<std::size_t>(count));
  }
}

/// "line 3, column 7" of the byte after the first `offset` bytes of a text.
std::string position(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto line_break = before.rfind('\n');
  const auto column = before.size() - (line_break == std::string_view::npos ? 0 : line_break + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

Result<json> parse_file(const fs::path& path, std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const auto offset = error.byte == 0 ? 0 : error.byte - 1;
    return make_error(
        ErrorCode::invalid_argument,
        "Configuration file {} is not valid JSON at {}: look for a missing comma, quote or bracket, "
        "a comma before a closing bracket, or a comment",
        path.native(), position(text, offset));
  } catch (const json::exception&) {
    return make_error(ErrorCode::invalid_argument, "Configuration file {} has a number that is out of range",
                      path.native());
  }
}

/// One `Class.trait` of a file, with what the file says of it.
struct FileEntry {
  ResolvedTrait trait;
  const json* value;
};

/// Reads one file into a configuration; the file's warnings gather on the way.
class FileReader {
 public:
  FileReader(Configuration& configuration, const fs::path& path)
      : configuration_(configuration), path_(path) {}

  Result<std::vector<std::string>> read() {
    const auto content = read_file(path_);
    if (!content) return std::unexpected(content.error());
    const auto document = parse_file(path_, content->text);
    if (!document) return std::unexpected(document.error());
    return read(*document, content->mode);
  }

  /// A file that was parsed already.
  Result<std::vector<std::string>> read(const json& document, mode_t mode) {
    const auto entries = list_entries(document);
    if (!entries) return std::unexpected(entries.error());
    // What a deprecated name says gives way to what the present name says.
    for (const bool deprecated : {true, false})
      for (const auto& entry : *entries) {
        if (entry.trait.name_is_deprecated != deprecated) continue;
        if (auto applied = apply(entry); !applied) return std::unexpected(applied.error());
        warn_of_readable_secret(entry, mode);
      }
    return std::move(warnings_);
  }

 private:
  Result<std::vector<FileEntry>> list_entries(const json& document) {
    if (!document.is_object()) return wrong_structure("the file");
    std::vector<FileEntry> entries;
    for (const auto& [class_name, traits] : document.items()) {
      if (class_name == "version") continue;  // traitlets marks its JSON files with a version, always 1.
      if (!traits.is_object()) return wrong_structure(class_name);
      for (const auto& [name, value] : traits.items()) {
        const auto full_name = fmt::format("{}.{}", class_name, name);
        if (auto trait = configuration_.table().resolve(full_name); trait && trait->key.empty()) {
          if (trait->name_is_deprecated)
            warn("{} in {} is deprecated: use {}", full_name, path_.native(), trait->definition->full_name());
          entries.push_back({*std::move(trait), &value});
        } else if (const auto* ignored = configuration_.table().find_without_effect(full_name)) {
          warnings_.push_back(
              explain_without_effect(*ignored, fmt::format("{} in {}", full_name, path_.native())));
        } else {
          warn_of_unknown(full_name);
        }
      }
    }
    return entries;
  }

  std::unexpected<Error> wrong_structure(std::string_view what) const {
    return make_error(
        ErrorCode::invalid_argument,
        R"(Configuration file {}: {} must be a JSON object, such as {{"ServerApp": {{"port": 8888}}}})",
        path_.native(), what);
  }

  Result<void> apply(const FileEntry& entry) {
    const auto& definition = *entry.trait.definition;
    if (entry.value->is_null()) {
      configuration_.reset(definition);
      return {};
    }
    json value = *entry.value;
    if (definition.type == TraitType::dictionary && value.is_object()) remove_null_entries(definition, value);
    auto parsed = parse_trait_json(definition, value, subject(entry));
    if (!parsed) return std::unexpected(parsed.error());
    configuration_.assign(definition, *std::move(parsed),
                          {.kind = ValueSource::Kind::file, .name = path_.native()});
    return {};
  }

  std::string subject(const FileEntry& entry) const {
    return fmt::format("{} in {}", entry.trait.definition->full_name(), path_.native());
  }

  /// Takes the null entries out of a file's dictionary, and their keys out of the configuration.
  void remove_null_entries(const TraitDefinition& definition, json& dictionary) {
    for (auto entry = dictionary.begin(); entry != dictionary.end();) {
      if (entry->is_null()) {
        configuration_.remove_entry(definition, entry.key());
        entry = dictionary.erase(entry);
      } else {
        ++entry;
      }
    }
  }

  void warn_of_unknown(const std::string& name) {
    const auto suggestion = configuration_.table().suggest(name, {});
    warn("{} in {} is unknown and ignored{}", name, path_.native(),
         suggestion ? fmt::format(". Did you mean {}?", *suggestion) : "");
  }

  void warn_of_readable_secret(const FileEntry& entry, mode_t mode) {
    // Null, and an empty list or object, say that there is none.
    if (entry.trait.definition->secret && !entry.value->empty() && (mode & (S_IRGRP | S_IROTH)) != 0)
      warn("{} is a secret and {} can be read by other users: chmod 600 {}",
           entry.trait.definition->full_name(), path_.native(), shell_quote(path_.native()));
  }

  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    warnings_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  Configuration& configuration_;
  const fs::path& path_;
  std::vector<std::string> warnings_;
};

std::string default_configuration_text(const TraitTable& table) {
  auto document = nlohmann::ordered_json::object();
  for (const auto& definition : table.traits())
    document[definition.class_name][definition.name] = to_json(definition.default_value);
  return document.dump(2) + "\n";
}

Result<void> write_all(int descriptor, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const auto count = write(descriptor, text.data(), text.size());
    if (count < 0) return make_errno_error("write", path.native(), errno);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

std::vector<fs::path> find_configuration_files(const JupyterPaths& paths) {
  const std::string name(configuration_name);
  std::vector<fs::path> files;
  for (const auto& directory : paths.config_path | std::views::reverse) {
    std::ranges::move(json_files_in(directory / (name + ".d")), std::back_inserter(files));
    std::error_code error;
    if (auto file = directory / (name + ".json"); fs::exists(file, error)) files.push_back(std::move(file));
  }
  return files;
}

Result<std::vector<std::string>> apply_configuration_file(Configuration& configuration,
                                                          const fs::path& path) {
  return FileReader(configuration, path).read();
}

std::vector<fs::path> find_jupyter_server_files(const JupyterPaths& paths, std::string_view ending) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& directory : paths.config_path | std::views::reverse)
    for (const auto* name : {"jupyter_config", "jupyter_server_config"})
      if (auto file = directory / fmt::format("{}{}", name, ending); fs::exists(file, error))
        files.push_back(std::move(file));
  return files;
}

Result<SharedConfiguration> apply_jupyter_server_file(Configuration& configuration, const fs::path& path) {
  const auto not_read = [](const Error& error) {
    return SharedConfiguration{.warnings = {fmt::format("{}. Settings of {} in it are not read",
                                                        error.message, shared_configuration_class)}};
  };
  const auto content = read_file(path);
  if (!content) return not_read(content.error());
  const auto document = parse_file(path, content->text);
  if (!document) return not_read(document.error());
  if (!document->is_object() || !document->contains(shared_configuration_class)) return SharedConfiguration{};
  const std::string name(shared_configuration_class);
  auto settings = json::object();
  settings[name] = document->at(name);
  auto warnings = FileReader(configuration, path).read(settings, content->mode);
  if (!warnings) return std::unexpected(warnings.error());
  return SharedConfiguration{.has_settings = true, .warnings = *std::move(warnings)};
}

std::vector<std::string> settings_in_python_file(const fs::path& path) {
  std::set<std::string> names;
  const auto content = read_file(path);
  if (!content) return {};
  const auto start = fmt::format("{}.", shared_configuration_class);
  for (const auto line : split(content->text, '\n')) {
    if (trim(line).starts_with('#')) continue;
    for (auto at = line.find(start); at != std::string_view::npos; at = line.find(start, at + 1)) {
      const auto rest = line.substr(at + start.size());
      const auto end = std::ranges::find_if_not(
          rest, [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
      if (end != rest.begin()) names.insert(fmt::format("{}{}", start, std::string_view(rest.begin(), end)));
    }
  }
  return {names.begin(), names.end()};
}

Result<fs::path> write_default_configuration(const TraitTable& table, const JupyterPaths& paths,
                                             ExistingFile existing) {
  auto path = paths.config_dir / (std::string(configuration_name) + ".json");
  std::error_code error;
  fs::create_directories(paths.config_dir, error);
  if (error) return make_errno_error("create directory", paths.config_dir.native(), error.value());
  const int when_existing = existing == ExistingFile::overwrite ? O_TRUNC : O_EXCL;
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | when_existing, 0600));
  if (file.get() < 0 && errno == EEXIST)
    return make_error(
        ErrorCode::already_exists,
        "{} exists and was left as it is; add --overwrite (or -y) to replace it with the defaults",
        path.native());
  if (file.get() < 0) return make_errno_error("create", path.native(), errno);
  if (auto written = write_all(file.get(), default_configuration_text(table), path); !written)
    return std::unexpected(written.error());
  return path;
}

}  // namespace nextgen_kernels
