#include "kernels/output_folder.h"

#include <utility>

#include "wire/json.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

// Far deeper than any output; JSON values are written recursively.
constexpr std::size_t deepest_nesting = 256;

std::string text_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

Json object_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_object() ? *member : Json::object();
}

std::string display_id_of(const Json& content) {
  const auto transient = content.find("transient");
  return transient != content.end() && transient->is_object() ? text_of(*transient, "display_id") : "";
}

bool is_output(std::string_view type) {
  return type == "stream" || type == "display_data" || type == "execute_result" || type == "error" ||
         type == "update_display_data" || type == "clear_output";
}

}  // namespace

void OutputFolder::add(std::string_view message_type, std::string_view content) {
  if (!is_output(message_type)) return;
  const auto kept = clear_pending_ ? 0 : bytes_;
  if (message_type == "stream" && kept + content.size() > limit_bytes_) {
    truncated_ = true;  // Without parsing what will not be kept.
    return;
  }
  if (nests_deeper_than(content, deepest_nesting)) return;
  const auto value = Json::parse(content, nullptr, false);
  if (!value.is_object()) return;
  const auto size = content.size();
  if (message_type == "stream") return add_stream(value);
  if (message_type == "error") return add_error(value, size);
  if (message_type == "update_display_data") return update_display(value, size);
  if (message_type == "clear_output") return clear_output(value);
  add_display(message_type, value, size);
}

bool OutputFolder::fits(std::size_t more) {
  if (bytes_ + more <= limit_bytes_) return true;
  truncated_ = true;
  return false;
}

void OutputFolder::append(Json output, std::size_t size) {
  outputs_.push_back(std::move(output));
  sizes_.push_back(size);
  bytes_ += size;
}

void OutputFolder::add_stream(const Json& content) {
  clear_if_pending();
  const std::string name = text_of(content, "name") == "stderr" ? "stderr" : "stdout";
  const auto text = text_of(content, "text");
  if (text.empty() || !fits(text.size())) return;
  if (!outputs_.empty() && outputs_.back()["output_type"] == "stream" && outputs_.back()["name"] == name) {
    outputs_.back()["text"].get_ref<std::string&>() += text;
    sizes_.back() += text.size();
    bytes_ += text.size();
    return;
  }
  append({{"output_type", "stream"}, {"name", name}, {"text", text}}, text.size());
}

void OutputFolder::add_display(std::string_view type, const Json& content, std::size_t size) {
  clear_if_pending();
  if (!fits(size)) return;
  Json output = {{"output_type", type},
                 {"data", object_of(content, "data")},
                 {"metadata", object_of(content, "metadata")}};
  if (type == "execute_result") output["execution_count"] = content.value("execution_count", Json());
  if (const auto id = display_id_of(content); !id.empty()) displays_[id].push_back(outputs_.size());
  append(std::move(output), size);
}

void OutputFolder::add_error(const Json& content, std::size_t size) {
  clear_if_pending();
  if (!fits(size)) return;
  auto traceback = Json::array();
  if (const auto lines = content.find("traceback"); lines != content.end() && lines->is_array()) {
    for (const auto& line : *lines)
      if (line.is_string()) traceback.push_back(line);
  }
  append({{"output_type", "error"},
          {"ename", text_of(content, "ename")},
          {"evalue", text_of(content, "evalue")},
          {"traceback", std::move(traceback)}},
         size);
}

void OutputFolder::update_display(const Json& content, std::size_t size) {
  const auto display = displays_.find(display_id_of(content));
  if (display == displays_.end()) return;
  for (const auto index : display->second) {
    if (size > sizes_[index] && !fits(size - sizes_[index])) return;
    outputs_[index]["data"] = object_of(content, "data");
    outputs_[index]["metadata"] = object_of(content, "metadata");
    bytes_ = bytes_ - sizes_[index] + size;
    sizes_[index] = size;
  }
}

void OutputFolder::clear_output(const Json& content) {
  const auto wait = content.find("wait");
  clear_pending_ = wait != content.end() && wait->is_boolean() && wait->get<bool>();
  if (!clear_pending_) clear();
}

void OutputFolder::clear_if_pending() {
  if (std::exchange(clear_pending_, false)) clear();
}

void OutputFolder::clear() {
  outputs_ = Json::array();
  sizes_.clear();
  displays_.clear();
  bytes_ = 0;
}

}  // namespace nextgen_kernels
