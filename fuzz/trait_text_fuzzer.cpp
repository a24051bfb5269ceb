#include <string>
#include <variant>

#include "config/trait.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

// Options from command lines and the environment, of each type; a refusal shows no secret.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  TraitDefinition definition;
  definition.class_name = "Class";
  definition.name = "trait";
  definition.type = static_cast<TraitType>(data[0] % (static_cast<int>(TraitType::choice) + 1));
  definition.choices = {"one", "two"};
  definition.minimum = -1000;
  definition.maximum = 1000;
  const auto text = as_text(data + 1, size - 1);
  const auto value = parse_trait_text(definition, text, "--Class.trait");
  if (value) {
    if (const auto* number = std::get_if<std::int64_t>(&*value)) require(*number >= -1000 && *number <= 1000);
  }
  definition.secret = true;
  const auto hidden = parse_trait_text(definition, text, "--Class.trait");
  require(hidden.has_value() == value.has_value());
  if (hidden || text.size() < 32 || hidden.error().message.find(text) == std::string::npos) return 0;
  // Unless it is what we say of any text.
  const auto other = parse_trait_text(definition, "\x01", "--Class.trait");
  require(!other && other.error().message.find(text) != std::string::npos);
  return 0;
}
