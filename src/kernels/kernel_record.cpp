#include "kernels/kernel_record.h"

#include <charconv>

#include "wire/json.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest_nesting = 64;

void read(const Json& value, std::string& field) {
  field = value.get<std::string>();
}
void read(const Json& value, int& field) {
  field = value.get<int>();
}
void read(const Json& value, std::int64_t& field) {
  field = value.get<std::int64_t>();
}
void read(const Json& value, bool& field) {
  field = value.get<bool>();
}
void read(const Json& value, std::filesystem::path& field) {
  field = value.get<std::string>();
}
void read(const Json& value, std::map<std::string, std::string>& field) {
  field = value.get<std::map<std::string, std::string>>();
}
void read(const Json& value, std::vector<std::string>& field) {
  field = value.get<std::vector<std::string>>();
}
void read(const Json& value, Json& field) {
  field = value;
}

/// Each field with its name; for both directions.
template <typename Record, typename Each>
void for_each_required_field(Record& record, Each each) {
  each("kernel_id", record.kernel_id);
  each("kernel_name", record.kernel_name);
  each("environment", record.environment);
  each("working_directory", record.working_directory);
  each("provisioner_class", record.provisioner_class);
  each("provisioner", record.provisioner);
  each("connection_info", record.connection_info);
  each("client", record.client);
  each("journal_id", record.journal_id);
  each("listeners", record.listeners);
  each("restart_count", record.restart_count);
  each("is_spare", record.is_spare);
}

/// Those that earlier versions did not write.
template <typename Record, typename Each>
void for_each_later_field(Record& record, Each each) {
  each("has_answered", record.has_answered);
  each("launched_at", record.launched_at);
  each("started_from", record.started_from);
  each("root_dir", record.root_dir);
  each("launch_token", record.launch_token);
  each("launch_number", record.launch_number);
  each("is_launching", record.is_launching);
  each("askers", record.askers);
}

}  // namespace

nlohmann::json origin_of(const KernelSpec& spec) {
  return {{"argv", spec.argv}, {"resource_dir", spec.resource_dir.string()}};
}

std::string LaunchMark::to_string() const {
  return fmt::format("{}.{}", token, number);
}

std::optional<LaunchMark> LaunchMark::parse(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  LaunchMark mark{.token = std::string(text.substr(0, dot))};
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + dot + 1, last, mark.number);
  if (error != std::errc() || end != last) return std::nullopt;
  return mark;
}

std::string KernelRecord::to_json() const {
  auto json = Json::object();
  const auto write = [&json](const char* name, const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::filesystem::path>)
      json[name] = field.string();
    else
      json[name] = field;
  };
  for_each_required_field(*this, write);
  for_each_later_field(*this, write);
  // Variables and paths are bytes; what is not UTF-8 cannot be kept as it is.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<KernelRecord> KernelRecord::parse(std::string_view text) {
  if (nests_deeper_than(text, deepest_nesting))
    return make_error(ErrorCode::invalid_argument, "A kernel's record is nested too deeply");
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return make_error(ErrorCode::invalid_argument, "A kernel's record is no JSON object");
  KernelRecord record;
  std::string wrong;
  const auto take = [&](const char* name, auto& field) {
    try {
      read(json.at(name), field);
    } catch (const Json::exception&) {
      if (wrong.empty()) wrong = name;
    }
  };
  for_each_required_field(record, take);
  for_each_later_field(record, [&](const char* name, auto& field) {
    if (json.contains(name)) take(name, field);
  });
  if (wrong.empty()) return record;
  return make_error(ErrorCode::invalid_argument, "A kernel's record: '{}' is missing or of another type",
                    wrong);
}

}  // namespace nextgen_kernels
