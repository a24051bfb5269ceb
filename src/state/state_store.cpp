#include "state/state_store.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>
#include <variant>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_descriptor.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

constexpr int schema_version = 1;
// How long another server's transaction is waited for.
constexpr int patience_ms = 2000;

constexpr const char* schema = R"(
CREATE TABLE servers (
  id TEXT PRIMARY KEY, host TEXT NOT NULL, domain TEXT NOT NULL, pid INTEGER NOT NULL,
  start_time INTEGER NOT NULL);
CREATE TABLE kernels (
  server_id TEXT NOT NULL, kernel_id TEXT NOT NULL, record TEXT NOT NULL, seen INTEGER NOT NULL);
CREATE INDEX kernels_of_server ON kernels (server_id, kernel_id);
CREATE TABLE sessions (
  server_id TEXT NOT NULL, id TEXT NOT NULL, kernel_id TEXT NOT NULL, path TEXT NOT NULL,
  name TEXT NOT NULL, type TEXT NOT NULL, username TEXT NOT NULL);
CREATE INDEX sessions_of_server ON sessions (server_id, id);
)";

using Value = std::variant<std::int64_t, std::string_view>;

/// A row of an answer.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr
               ? std::string()
               : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3_stmt* statement_;
};

/// The directory and the file, open to nobody else.
Result<void> make_private_file(const fs::path& file) {
  std::error_code error;
  const auto directory = file.parent_path();
  fs::create_directories(directory.parent_path(), error);
  if (error) return make_errno_error("create directory", directory.parent_path().native(), error.value());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return make_errno_error("create directory", directory.native(), errno);
  const FileDescriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (opened.get() < 0) return make_errno_error("open", file.native(), errno);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return make_errno_error("inspect", file.native(), errno);
  if (status.st_uid != ::geteuid()) {
    return make_error(ErrorCode::permission_denied, "{} belongs to another user (uid {})", file.native(),
                      status.st_uid);
  }
  if ((status.st_mode & 077) != 0 && ::fchmod(opened.get(), 0600) != 0)
    return make_errno_error("protect", file.native(), errno);
  return {};
}

/// The host's name as part of a file name; two hosts of one name share a file.
std::string file_name_part(std::string_view host) {
  constexpr std::size_t longest = 64;
  std::string part(host.substr(0, longest));
  std::ranges::replace_if(
      part, [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '_'; }, '_');
  return part;
}

std::string file_prefix(std::string_view host) {
  return fmt::format("state-{}-", file_name_part(host));
}

}  // namespace

fs::path state_file_of_this_boot(const fs::path& directory, std::string_view host) {
  return directory / fmt::format("{}{}.sqlite", file_prefix(host), boot_id());
}

void remove_files_of_earlier_boots(const fs::path& directory, std::string_view host) {
  const auto ours = state_file_of_this_boot(directory, host).filename().native();
  const auto prefix = file_prefix(host);
  std::error_code failed;
  for (fs::directory_iterator entry(directory, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto name = entry->path().filename().native();
    if (!name.starts_with(prefix) || name.starts_with(ours)) continue;
    std::error_code ignored;
    fs::remove(entry->path(), ignored);
  }
}

/// One connection to the file; turns SQLite's failures into errors.
class StateStore::Database {
 public:
  static Result<std::unique_ptr<Database>> open(const fs::path& file) {
    auto database = std::make_unique<Database>();
    const int result = sqlite3_open_v2(file.c_str(), &database->handle_,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    if (result != SQLITE_OK) return std::unexpected(database->failure());
    sqlite3_busy_timeout(database->handle_, patience_ms);
    return database;
  }

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(handle_); }

  /// Runs statements without values and answers.
  Result<void> run(const char* statements) {
    if (sqlite3_exec(handle_, statements, nullptr, nullptr, nullptr) != SQLITE_OK)
      return std::unexpected(failure());
    return {};
  }

  /// Runs one statement; `each` is told the rows of its answer.
  Result<void> run(
      std::string_view text, std::initializer_list<Value> values,
      const std::function<void(const Row&)>& each = [](const Row&) {}) {
    sqlite3_stmt* statement = nullptr;
    int result = sqlite3_prepare_v2(handle_, text.data(), static_cast<int>(text.size()), &statement, nullptr);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(statement, sqlite3_finalize);
    int index = 0;
    for (const auto& value : values) {
      if (result != SQLITE_OK) break;
      ++index;
      if (const auto* number = std::get_if<std::int64_t>(&value))
        result = sqlite3_bind_int64(statement, index, *number);
      else
        result = bind_text(statement, index, std::get<std::string_view>(value));
    }
    if (result != SQLITE_OK) return std::unexpected(failure());
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) each(Row(statement));
    if (result != SQLITE_DONE) return std::unexpected(failure());
    return {};
  }

  /// All that `work` does, or nothing of it. It begins with the right to write, so that nothing that it reads
  /// changes before it writes.
  Result<void> transaction(const std::function<Result<void>()>& work) {
    auto done = run("BEGIN IMMEDIATE");
    if (!done) return done;
    done = work();
    if (done) done = run("COMMIT");
    if (!done) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    return done;
  }

 private:
  static int bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
    return sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }

  Error failure() const {
    const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_);
    const auto* text = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
    const auto full = code == SQLITE_FULL ? ErrorCode::resource_limit : ErrorCode::io;
    return {.code = full, .message = fmt::format("SQLite: {}", text)};
  }

  sqlite3* handle_ = nullptr;
};

StateStore::StateStore(fs::path file, ServerInstance us, std::unique_ptr<Database> database)
    : file_(std::move(file)), us_(std::move(us)), database_(std::move(database)) {}

StateStore::~StateStore() = default;

Result<std::unique_ptr<StateStore>> StateStore::open(const fs::path& file, const ServerInstance& us) {
  auto database = open_database(file, us);
  if (!database) return std::unexpected(database.error());
  return std::unique_ptr<StateStore>(new StateStore(file, us, std::move(*database)));
}

Result<std::unique_ptr<StateStore::Database>> StateStore::open_database(const fs::path& file,
                                                                        const ServerInstance& us) {
  if (auto made = make_private_file(file); !made) return std::unexpected(made.error());
  auto opened = Database::open(file);
  if (!opened) return std::unexpected(opened.error());
  auto& database = **opened;
  // A rollback journal, not a write-ahead log: that needs memory shared by all who use the file, which home
  // directories on a network do not give. Nothing waits for the disk itself: what the system has taken
  // survives the end of this process, and nothing in the file outlives the system.
  auto ready = database.run("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF;");
  if (ready) {
    ready = database.transaction([&]() -> Result<void> {
      std::int64_t version = 0;
      auto done = database.run("PRAGMA user_version", {}, [&](const Row& row) { version = row.number(0); });
      if (done && version > schema_version) {
        return make_error(ErrorCode::unavailable,
                          "it was written by a newer version of this program (its schema is {}, this version "
                          "knows {}): use that version, or another file (KernelState.directory)",
                          version, schema_version);
      }
      if (done && version == 0) {
        done = database.run(schema);
        if (done) done = database.run(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
      }
      if (!done) return done;
      return database.run("INSERT OR REPLACE INTO servers VALUES (?, ?, ?, ?, ?)",
                          {us.id, us.host, us.domain, std::int64_t{us.process.pid},
                           static_cast<std::int64_t>(us.process.start_time)});
    });
  }
  if (!ready) {
    const auto& error = ready.error();
    return make_error(error.code, "{}: {}", file.native(), error.message);
  }
  return opened;
}

Result<void> StateStore::apply(const StateChanges& changes) {
  return database_->transaction([&]() -> Result<void> {
    Result<void> done;
    const auto step = [&done](auto work) {
      if (done) done = work();
    };
    for (const auto& id : changes.removed_kernels) step([&] { return remove_kernel(id); });
    for (const auto& kernel : changes.kernels) {
      step([&] { return remove_kernel(kernel.kernel_id); });
      step([&] { return insert(kernel); });
    }
    for (const auto& id : changes.removed_sessions) step([&] { return remove_session(id); });
    for (const auto& session : changes.sessions) {
      step([&] { return remove_session(session.id); });
      step([&] { return insert(session); });
    }
    if (changes.seen) {
      step([&] {
        return database_->run("UPDATE kernels SET seen = ? WHERE server_id = ?",
                              {microseconds_of(*changes.seen), us_.id});
      });
    }
    return done;
  });
}

Result<void> StateStore::insert(const StoredKernel& kernel) {
  return database_->run("INSERT INTO kernels VALUES (?, ?, ?, ?)",
                        {us_.id, kernel.kernel_id, kernel.record, microseconds_of(kernel.seen)});
}

Result<void> StateStore::insert(const StoredSession& session) {
  return database_->run(
      "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
      {us_.id, session.id, session.kernel_id, session.path, session.name, session.type, session.username});
}

Result<void> StateStore::remove_all_of_ours() {
  if (auto done = database_->run("DELETE FROM sessions WHERE server_id = ?", {us_.id}); !done) return done;
  return database_->run("DELETE FROM kernels WHERE server_id = ?", {us_.id});
}

Result<void> StateStore::remove_kernel(const std::string& kernel_id) {
  return database_->run("DELETE FROM kernels WHERE server_id = ? AND kernel_id = ?", {us_.id, kernel_id});
}

Result<void> StateStore::remove_session(const std::string& session_id) {
  return database_->run("DELETE FROM sessions WHERE server_id = ? AND id = ?", {us_.id, session_id});
}

Result<void> StateStore::replace(const LeftBehind& ours) {
  auto reopened = open_database(file_, us_);
  if (!reopened) return std::unexpected(reopened.error());
  database_ = std::move(*reopened);
  return database_->transaction([&]() -> Result<void> {
    auto done = remove_all_of_ours();
    for (const auto& kernel : ours.kernels)
      if (done) done = insert(kernel);
    for (const auto& session : ours.sessions)
      if (done) done = insert(session);
    return done;
  });
}

Result<LeftBehind> StateStore::take_left_behind() {
  LeftBehind taken;
  auto done = database_->transaction([&]() -> Result<void> {
    std::vector<ServerInstance> others;
    auto step = database_->run(
        "SELECT id, host, domain, pid, start_time FROM servers WHERE id <> ? AND host = ?",
        {us_.id, us_.host}, [&](const Row& row) {
          others.push_back({.id = row.text(0),
                            .host = row.text(1),
                            .domain = row.text(2),
                            .process = {.pid = static_cast<pid_t>(row.number(3)),
                                        .start_time = static_cast<std::uint64_t>(row.number(4))}});
        });
    for (const auto& other : others) {
      const bool same_domain = other.domain == us_.domain;
      if (!step || (same_domain && is_running(other.process))) continue;
      for (const auto* table : {"kernels", "sessions"}) {
        if (!step) break;
        step = same_domain
                   ? database_->run(fmt::format("UPDATE {} SET server_id = ? WHERE server_id = ?", table),
                                    {us_.id, other.id})
                   : database_->run(fmt::format("DELETE FROM {} WHERE server_id = ?", table), {other.id});
      }
      if (step) step = database_->run("DELETE FROM servers WHERE id = ?", {other.id});
    }
    if (step) {
      step = database_->run(
          "SELECT kernel_id, record, seen FROM kernels WHERE server_id = ? ORDER BY rowid", {us_.id},
          [&](const Row& row) {
            taken.kernels.push_back(
                {.kernel_id = row.text(0), .record = row.text(1), .seen = timestamp_of(row.number(2))});
          });
    }
    if (step) {
      step = database_->run(
          "SELECT id, kernel_id, path, name, type, username FROM sessions WHERE server_id = ? ORDER BY rowid",
          {us_.id}, [&](const Row& row) {
            taken.sessions.push_back({.id = row.text(0),
                                      .kernel_id = row.text(1),
                                      .path = row.text(2),
                                      .name = row.text(3),
                                      .type = row.text(4),
                                      .username = row.text(5)});
          });
    }
    return step;
  });
  if (!done) return std::unexpected(done.error());
  return taken;
}

Result<void> StateStore::leave() {
  return database_->transaction([&]() -> Result<void> {
    if (auto done = remove_all_of_ours(); !done) return done;
    return database_->run("DELETE FROM servers WHERE id = ?", {us_.id});
  });
}

}  // namespace nextgen_kernels
