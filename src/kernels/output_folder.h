#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace nextgen_kernels {

/// Folds what an execution publishes into the `outputs` of a code cell (nbformat 4), as notebook front ends
/// do: pieces of one stream become one output, displays are updated in place, cleared outputs are gone. A
/// value; does no I/O.
class OutputFolder {
 public:
  /// Past `limit_bytes` of outputs that are there at one time, more is left out.
  explicit OutputFolder(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// A message on iopub, in order. Types that make no output, and content that is not what the messaging
  /// protocol says, change nothing.
  void add(std::string_view message_type, std::string_view content);

  /// True when something was left out.
  bool truncated() const { return truncated_; }
  const nlohmann::ordered_json& outputs() const { return outputs_; }

 private:
  using Json = nlohmann::ordered_json;

  void add_stream(const Json& content);
  void add_display(std::string_view type, const Json& content, std::size_t size);
  void add_error(const Json& content, std::size_t size);
  void update_display(const Json& content, std::size_t size);
  void clear_output(const Json& content);
  void append(Json output, std::size_t size);
  bool fits(std::size_t more);
  void clear();
  void clear_if_pending();

  std::size_t limit_bytes_;
  std::size_t bytes_ = 0;
  bool truncated_ = false;
  bool clear_pending_ = false;
  Json outputs_ = Json::array();
  std::vector<std::size_t> sizes_;                            // Of outputs_.
  std::map<std::string, std::vector<std::size_t>> displays_;  // By display_id: indices into outputs_.
};

}  // namespace nextgen_kernels
