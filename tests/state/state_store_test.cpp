#include "state/state_store.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class StateStoreTest : public testing::Test {
 protected:
  /// This process, under a name of its own.
  static ServerInstance living(std::string id) {
    return {.id = std::move(id),
            .host = "here",
            .domain = "this boot",
            .process = identify_process(::getpid()).value()};
  }

  /// A server whose process id is somebody else's by now.
  static ServerInstance gone(std::string id) {
    auto server = living(std::move(id));
    server.process.start_time += 1;
    return server;
  }

  std::unique_ptr<StateStore> open(const ServerInstance& server) {
    auto store = StateStore::open(file(), server);
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }

  std::filesystem::path file() const { return directory_.path() / "state" / "state.sqlite"; }

  static StoredKernel kernel(std::string id, std::string record = "{}") {
    return {.kernel_id = std::move(id),
            .record = std::move(record),
            .seen = Timestamp(std::chrono::seconds(1'700'000'000))};
  }

  static StoredSession session(std::string id, std::string kernel_id) {
    return {.id = std::move(id),
            .kernel_id = std::move(kernel_id),
            .path = "a.ipynb",
            .name = "a",
            .type = "notebook",
            .username = "alice"};
  }

  static StateChanges with(StoredKernel kernel) { return {.kernels = {std::move(kernel)}}; }
  static StateChanges with(StoredSession session) { return {.sessions = {std::move(session)}}; }

  TemporaryDirectory directory_;
};

TEST_F(StateStoreTest, what_a_server_that_is_gone_left_is_taken_once) {
  auto before = open(gone("before"));
  ASSERT_TRUE(before->apply(with(kernel("k1", R"({"key": "secret"})"))));
  ASSERT_TRUE(before->apply(with(session("s1", "k1"))));
  const Timestamp seen(std::chrono::seconds(1'700'000'123));
  ASSERT_TRUE(before->apply({.seen = seen}));

  auto next = open(living("next"));
  const auto taken = next->take_left_behind().value();
  ASSERT_EQ(taken.kernels.size(), 1U);
  EXPECT_EQ(taken.kernels[0].kernel_id, "k1");
  EXPECT_EQ(taken.kernels[0].record, R"({"key": "secret"})");
  EXPECT_EQ(taken.kernels[0].seen, seen);
  ASSERT_EQ(taken.sessions.size(), 1U);
  EXPECT_EQ(taken.sessions[0].id, "s1");
  EXPECT_EQ(taken.sessions[0].path, "a.ipynb");
  EXPECT_EQ(taken.sessions[0].username, "alice");

  auto third = open(living("third"));
  EXPECT_THAT(third->take_left_behind().value().kernels, IsEmpty());
}

TEST_F(StateStoreTest, servers_that_run_keep_what_is_theirs) {
  auto one = open(living("one"));
  ASSERT_TRUE(one->apply(with(kernel("k1"))));
  auto other = open(living("other"));
  EXPECT_THAT(other->take_left_behind().value().kernels, IsEmpty());
}

TEST_F(StateStoreTest, what_was_taken_and_not_settled_is_found_by_the_next) {
  ASSERT_TRUE(open(gone("first"))->apply(with(kernel("k1"))));
  EXPECT_EQ(open(gone("second"))->take_left_behind().value().kernels.size(), 1U);
  EXPECT_EQ(open(living("third"))->take_left_behind().value().kernels.size(), 1U);
}

TEST_F(StateStoreTest, other_hosts_are_left_alone_and_other_boots_of_this_one_forgotten) {
  auto elsewhere = gone("elsewhere");
  elsewhere.host = "another host";
  ASSERT_TRUE(open(elsewhere)->apply(with(kernel("k1"))));
  auto earlier = gone("earlier");
  earlier.domain = "the boot before";
  ASSERT_TRUE(open(earlier)->apply(with(kernel("k2"))));

  EXPECT_THAT(open(living("us"))->take_left_behind().value().kernels, IsEmpty());
  auto there = living("there");
  there.host = "another host";
  EXPECT_THAT(open(there)->take_left_behind().value().kernels,
              ElementsAre(Field(&StoredKernel::kernel_id, "k1")));
  auto then = living("then");
  then.domain = "the boot before";
  EXPECT_THAT(open(then)->take_left_behind().value().kernels, IsEmpty());
}

TEST_F(StateStoreTest, removed_and_replaced_rows_are_not_left_behind) {
  auto before = open(gone("before"));
  ASSERT_TRUE(before->apply(with(kernel("k1"))));
  ASSERT_TRUE(before->apply(with(kernel("k1", "new"))));
  ASSERT_TRUE(before->apply(with(kernel("k2"))));
  ASSERT_TRUE(before->apply(with(session("s1", "k1"))));
  ASSERT_TRUE(before->apply(with(session("s2", "k2"))));
  ASSERT_TRUE(before->apply(with(session("s3", "k1"))));
  ASSERT_TRUE(before->apply({.removed_kernels = {"k2"}}));
  ASSERT_TRUE(before->apply({.removed_sessions = {"s3"}}));
  auto next = open(gone("next"));
  auto taken = next->take_left_behind().value();
  EXPECT_THAT(taken.kernels, ElementsAre(Field(&StoredKernel::record, "new")));
  // A kernel whose process has ended may get another, and has its sessions still.
  EXPECT_THAT(taken.sessions, ElementsAre(Field(&StoredSession::id, "s1"), Field(&StoredSession::id, "s2")));

  ASSERT_TRUE(next->replace({.kernels = {kernel("k3")}, .sessions = {}}));
  taken = open(gone("third"))->take_left_behind().value();
  EXPECT_THAT(taken.kernels, ElementsAre(Field(&StoredKernel::kernel_id, "k3")));
  EXPECT_THAT(taken.sessions, IsEmpty());
}

TEST_F(StateStoreTest, who_leaves_leaves_nothing) {
  auto server = open(gone("server"));
  ASSERT_TRUE(server->apply(with(kernel("k1"))));
  ASSERT_TRUE(server->leave());
  EXPECT_THAT(open(living("next"))->take_left_behind().value().kernels, IsEmpty());
}

TEST_F(StateStoreTest, only_the_owner_can_read_it) {
  open(living("us"));
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(file().parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  ASSERT_EQ(::chmod(file().c_str(), 0644), 0);
  open(living("again"));
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(StateStoreTest, a_broken_file_is_named) {
  std::filesystem::create_directories(file().parent_path());
  std::ofstream(file()) << "this is no database, whatever its name says, and it is long enough to tell";
  const auto store = StateStore::open(file(), living("us"));
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr(file().native()));
  EXPECT_THAT(store.error().message, HasSubstr("not a database"));
}

TEST_F(StateStoreTest, a_newer_schema_is_refused_with_both_versions) {
  open(living("us"));
  // The number stands at a fixed place of the file's header (SQLite file format, offset 60, big-endian).
  std::fstream bytes(file(), std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(60).write("\0\0\0\7", 4);
  bytes.close();
  const auto store = StateStore::open(file(), living("us again"));
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("newer version"));
  EXPECT_THAT(store.error().message, HasSubstr("7"));
  EXPECT_THAT(store.error().message, HasSubstr("KernelState.directory"));
}

TEST_F(StateStoreTest, a_directory_that_cannot_be_made_is_named) {
  std::ofstream(directory_.path() / "state") << "a file";
  const auto store = StateStore::open(file(), living("us"));
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr((directory_.path() / "state").native()));
}

TEST_F(StateStoreTest, what_does_not_fit_on_the_disk_changes_nothing) {
  auto before = open(gone("before"));
  ASSERT_TRUE(before->apply(with(kernel("k1", "small"))));
  const auto full = before->file();
  // In a child: the limit holds for all files of a process, and is the closest there is to a full disk.
  const auto child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = std::filesystem::file_size(full),
                       .rlim_max = std::filesystem::file_size(full)};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto store = StateStore::open(full, gone("full"));
    const auto put = store ? (*store)->apply(with(kernel("k1", std::string(1 << 20, 'x')))) : Result<void>{};
    ::_exit(put ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "it could be written";
  ASSERT_TRUE(before->apply(with(kernel("k2"))));
  EXPECT_THAT(open(living("next"))->take_left_behind().value().kernels,
              ElementsAre(Field(&StoredKernel::record, "small"), Field(&StoredKernel::kernel_id, "k2")));
}

TEST_F(StateStoreTest, a_change_of_many_rows_is_one_transaction) {
  auto before = open(gone("before"));
  ASSERT_TRUE(before->apply({.kernels = {kernel("k1"), kernel("k2")}, .sessions = {session("s1", "k1")}}));
  ASSERT_TRUE(before->apply({.kernels = {kernel("k2", "new")},
                             .removed_kernels = {"k1", "never there"},
                             .sessions = {session("s2", "k2")},
                             .removed_sessions = {"s1"}}));
  const auto taken = open(living("next"))->take_left_behind().value();
  EXPECT_THAT(taken.kernels, ElementsAre(Field(&StoredKernel::record, "new")));
  EXPECT_THAT(taken.sessions, ElementsAre(Field(&StoredSession::id, "s2")));
}

TEST_F(StateStoreTest, a_file_that_somebody_removed_is_missed_and_made_again) {
  auto server = open(gone("server"));
  std::filesystem::remove_all(file().parent_path());
  EXPECT_FALSE(server->apply(with(kernel("k1"))));
  ASSERT_TRUE(server->replace({.kernels = {kernel("k1")}, .sessions = {}}));
  ASSERT_TRUE(server->apply(with(kernel("k2"))));
  EXPECT_EQ(open(living("next"))->take_left_behind().value().kernels.size(), 2U);
}

TEST_F(StateStoreTest, files_of_earlier_boots_of_the_host_go) {
  const auto& directory = directory_.path();
  const auto ours = state_file_of_this_boot(directory, "host-1.example");
  const std::vector<std::filesystem::path> kept = {ours, ours.native() + "-journal",
                                                   directory / "state-host_2-00000000.sqlite",
                                                   directory / "state.sqlite"};
  const auto earlier = directory / "state-host_1.example-00000000.sqlite";
  for (const auto& file : kept) std::ofstream(file) << "kept";
  std::ofstream(earlier) << "gone";
  remove_files_of_earlier_boots(directory, "host-1.example");
  for (const auto& file : kept) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_FALSE(std::filesystem::exists(earlier));
}

}  // namespace
}  // namespace nextgen_kernels
