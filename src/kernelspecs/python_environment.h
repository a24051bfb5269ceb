#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nextgen_kernels {

/// The interpreter of a Python environment, given its `sys.prefix`; nothing when it has none.
std::optional<std::filesystem::path> find_interpreter(const std::filesystem::path& prefix);

/// The `lib/python…` directories of a Python environment, which hold its packages.
std::vector<std::filesystem::path> library_directories(const std::filesystem::path& prefix);

/// True when the packages of this Python belong to the operating system, so that pip refuses to install any
/// (PEP 668). A virtual environment on top of it is not.
bool is_externally_managed(const std::filesystem::path& prefix);

/// What to type in a POSIX shell to get ipykernel where one of these environments has none, in order: into
/// the first that has an interpreter, or, where pip would refuse or is missing, into a virtual environment
/// whose kernel is then registered for this user.
std::vector<std::string> ipykernel_commands(const std::vector<std::filesystem::path>& prefixes);

/// When the output of a Python that could not run ipykernel says so, what to type to change that, as a
/// sentence; else nothing.
std::string explain_missing_ipykernel(std::string_view output);

}  // namespace nextgen_kernels
