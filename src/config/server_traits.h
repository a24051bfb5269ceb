#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/server_options.h"
#include "config/trait_table.h"

namespace nextgen_kernels {

/// A member of `ServerOptions`. A number goes into milliseconds as seconds.
using ServerOptionField =
    std::variant<bool ServerOptions::*, std::uint16_t ServerOptions::*, std::int64_t ServerOptions::*,
                 std::chrono::milliseconds ServerOptions::*, double ServerOptions::*,
                 std::string ServerOptions::*, std::optional<std::string> ServerOptions::*,
                 std::optional<bool> ServerOptions::*, std::filesystem::path ServerOptions::*,
                 LogLevel ServerOptions::*, KernelTransport ServerOptions::*, TextList ServerOptions::*,
                 Dictionary ServerOptions::*, ObjectList ServerOptions::*>;

/// A trait of the server and the option it becomes.
struct ServerTrait {
  TraitDefinition definition;
  ServerOptionField field;
};

/// Every trait of the server: one row each, and the only place where it is declared.
const std::vector<ServerTrait>& server_traits();

/// The same traits with their short names.
const TraitTable& server_trait_table();

}  // namespace nextgen_kernels
