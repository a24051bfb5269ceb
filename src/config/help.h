#pragma once

#include <cstddef>
#include <string>

#include "base/jupyter_paths.h"
#include "config/command_line.h"

namespace nextgen_kernels {

/// What `--help` prints: usage, options, aliases and flags, wrapped to `width` columns.
std::string help_text(const TraitTable& table, const CommandSyntax& syntax, std::size_t width);

/// What `--help-all` prints: the same, and every class with its traits.
std::string all_help_text(const TraitTable& table, const CommandSyntax& syntax, std::size_t width);

/// The columns of the terminal that standard output goes to: COLUMNS, else what the terminal says, else 80.
std::size_t terminal_width(const Environment& environment);

}  // namespace nextgen_kernels
