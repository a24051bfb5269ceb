#include "app/server_info_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <unistd.h>

#include "base/file_descriptor.h"
#include "base/small_file.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t largest_file = 64 * 1024;
// Ours alone: of a file that another machine wrote into a shared home directory, the process id says nothing.
constexpr auto machine_field = "machine";

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

Json model_of(const ServerInfo& info) {
  const auto& address = info.address;
  return {{"base_url", address.base_path},
          {"hostname", address.ip.empty() ? "localhost" : address.ip},
          {machine_field, machine_name()},
          {"password", info.has_password},
          {"pid", ::getpid()},
          {"port", address.port},
          {"root_dir", info.root_dir.native()},
          {"secure", address.scheme == "https"},
          {"sock", address.sock.native()},
          {"token", info.token},
          {"url", address.url()},
          {"version", NEXTGEN_KERNELS_VERSION}};
}

int write_all(const FileDescriptor& file, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

/// Whole or not at all, and never readable by others.
Result<void> write_privately(const fs::path& path, std::string_view text) {
  const auto temporary = path.parent_path() / ("." + path.filename().native() + ".new");
  ::unlink(temporary.c_str());
  const FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  int failure = file.get() < 0 ? errno : write_all(file, text);
  if (failure == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) return {};
  ::unlink(temporary.c_str());
  return make_errno_error("write", path.native(), failure);
}

/// True for the file of a server of ours that ran on this machine and runs no more.
bool is_left_behind(const fs::path& file) {
  const auto text = read_small_text(file, largest_file);
  if (!text) return false;
  const auto info = Json::parse(*text, nullptr, false);
  if (!info.is_object() || info.value(machine_field, Json()) != machine_name()) return false;
  const auto pid = info.value("pid", Json());
  return pid.is_number_integer() && pid.get<pid_t>() > 0 && ::kill(pid.get<pid_t>(), 0) != 0 &&
         errno == ESRCH;
}

void remove_left_behind(const fs::path& runtime_dir) {
  std::error_code failed;
  for (fs::directory_iterator entry(runtime_dir, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto name = entry->path().filename().native();
    if (name.starts_with("jpserver-") && name.ends_with(".json") && is_left_behind(entry->path()))
      ::unlink(entry->path().c_str());
  }
}

}  // namespace

Result<ServerInfoFile> ServerInfoFile::write(const fs::path& runtime_dir, const ServerInfo& info) {
  remove_left_behind(runtime_dir);
  const auto path = runtime_dir / fmt::format("jpserver-{}.json", ::getpid());
  const auto text = model_of(info).dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
  if (auto written = write_privately(path, text); !written) return std::unexpected(written.error());
  return ServerInfoFile(path);
}

ServerInfoFile::~ServerInfoFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace nextgen_kernels
