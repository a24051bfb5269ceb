#include <set>
#include <string>
#include <vector>

#include "config/command_line.h"
#include "config/server_traits.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

// Arguments of the command line; a trait is assigned once, however often it was given.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const CommandSyntax syntax = {
      .program = "nextgen-kernels try",
      .summary = "",
      .options = {{.name = "kernel", .value_name = "NAME", .help = "", .letter = 'k'},
                  {.name = "json", .help = ""}},
      .arguments_name = "FILE"};
  std::vector<std::string> arguments;
  for (const auto piece : split_input(as_text(data, size))) arguments.emplace_back(piece);
  const auto parsed = parse_command_line(arguments, server_trait_table(), syntax);
  if (!parsed) {
    require(!parsed.error().message.empty());
    return 0;
  }
  std::set<const TraitDefinition*> assigned;
  for (const auto& assignment : parsed->assignments) require(assigned.insert(assignment.definition).second);
  require(!parsed->has("json") || parsed->options.at("json").size() <= arguments.size());
  return 0;
}
