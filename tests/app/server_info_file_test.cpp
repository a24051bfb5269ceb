#include "app/server_info_file.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/temporary_directory.h"
#include "base/small_file.h"

namespace nextgen_kernels {
namespace {

nlohmann::json read(const std::filesystem::path& file) {
  return nlohmann::json::parse(read_small_text(file, 65536).value());
}

ServerInfo info_at(ServerAddress address) {
  return {.address = std::move(address), .token = "to/ken", .has_password = false, .root_dir = "/home/me"};
}

/// The id of a process that has ended.
pid_t ended_process() {
  const auto pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

TEST(ServerInfoFile, says_what_jupyter_server_says_to_its_owner_only) {
  const TemporaryDirectory directory;
  const auto file = ServerInfoFile::write(
      directory.path(), info_at({.scheme = "https", .ip = "127.0.0.1", .port = 8888, .base_path = "/k/"}));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->path(), directory.path() / fmt::format("jpserver-{}.json", ::getpid()));
  auto model = read(file->path());
  model.erase("machine");
  const nlohmann::json expected = {{"base_url", "/k/"},
                                   {"hostname", "127.0.0.1"},
                                   {"password", false},
                                   {"pid", ::getpid()},
                                   {"port", 8888},
                                   {"root_dir", "/home/me"},
                                   {"secure", true},
                                   {"sock", ""},
                                   {"token", "to/ken"},
                                   {"url", "https://127.0.0.1:8888/k/"},
                                   {"version", NEXTGEN_KERNELS_VERSION}};
  EXPECT_EQ(model, expected);
  struct stat status{};
  ASSERT_EQ(::stat(file->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(ServerInfoFile, names_a_socket_by_its_path_and_its_url) {
  const TemporaryDirectory directory;
  const auto file =
      ServerInfoFile::write(directory.path(), info_at({.ip = "127.0.0.1", .sock = "/run/k.sock"}));
  ASSERT_TRUE(file);
  const auto model = read(file->path());
  EXPECT_EQ(model["sock"], "/run/k.sock");
  EXPECT_EQ(model["port"], 0);
  EXPECT_EQ(model["url"], "http+unix://%2Frun%2Fk.sock/");
}

TEST(ServerInfoFile, is_removed_with_its_server) {
  const TemporaryDirectory directory;
  {
    EXPECT_TRUE(ServerInfoFile::write(directory.path(), info_at({.ip = "127.0.0.1"})));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(ServerInfoFile, those_of_killed_servers_are_removed_by_the_next) {
  const TemporaryDirectory directory;
  nlohmann::json model;
  {
    const auto file = ServerInfoFile::write(directory.path(), info_at({.ip = "127.0.0.1"}));
    ASSERT_TRUE(file);
    model = read(file->path());
  }
  const auto write = [&directory](const std::string& name, nlohmann::json changed) {
    return directory.write(name, changed.dump());
  };
  model["pid"] = ended_process();
  const auto killed = write("jpserver-1000001.json", model);
  model["machine"] = "another-machine";
  const auto elsewhere = write("jpserver-1000002.json", model);
  model.erase("machine");
  const auto of_jupyter = write("jpserver-1000003.json", model);
  const auto garbage = directory.write("jpserver-1000004.json", "{");
  const auto file = ServerInfoFile::write(directory.path(), info_at({.ip = "127.0.0.1"}));
  EXPECT_FALSE(std::filesystem::exists(killed));
  EXPECT_TRUE(std::filesystem::exists(elsewhere));
  EXPECT_TRUE(std::filesystem::exists(of_jupyter));
  EXPECT_TRUE(std::filesystem::exists(garbage));
}

TEST(ServerInfoFile, says_where_it_cannot_be_written) {
  const auto file = ServerInfoFile::write("/nonexistent/runtime", info_at({.ip = "127.0.0.1"}));
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("/nonexistent/runtime"), std::string::npos);
}

}  // namespace
}  // namespace nextgen_kernels
