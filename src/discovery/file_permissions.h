#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/stat.h>

namespace nextgen_kernels {

/// Why code from a file, or named by it, would be code of strangers: everybody may write to it, or a group
/// chosen by an owner who is neither root nor this user. Those two can run code as this user anyway, and so
/// decide whom to trust. Nothing when there is no such danger. `what` names the file in the sentence.
std::optional<std::string> danger_of(std::string_view what, const std::filesystem::path& path,
                                     const struct stat& status);

/// The same for a library and the folder it stands in; a folder in which nobody can replace another's file
/// (/tmp) may be everybody's.
std::optional<std::string> danger_of_library(const std::filesystem::path& library, const struct stat& file,
                                             const struct stat& folder);

}  // namespace nextgen_kernels
