#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace nextgen_kernels {

/// Holds an immutable value that readers use without ever waiting while a writer replaces it.
///
/// A reader counts itself, loads the pointer, reads, and counts itself out: two atomic additions and no loop,
/// so it is wait-free (libstdc++'s atomic shared_ptr spins on a lock bit). A writer puts the old value aside
/// and frees what was put aside when it sees that nobody reads: whoever comes later can only load the new
/// pointer. Under uninterrupted reading old values wait for a later `publish` or for the end of the cell.
///
/// `read` may be called from any thread; calls of `publish` must not overlap (their callers hold a mutex).
template <typename T>
class SnapshotCell {
 public:
  explicit SnapshotCell(std::unique_ptr<const T> first) : current_(first.release()) {}
  ~SnapshotCell() { delete current_.load(); }
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  /// Calls `function` with the current value and returns what it returns, by value. The value, and references
  /// to it, end with the call.
  template <typename Function>
  auto read(Function&& function) const {
    const Reader reader(readers_);
    return std::forward<Function>(function)(*current_.load(std::memory_order_seq_cst));
  }

  /// Returns the old values that nobody reads any more, for the caller to destroy where it likes: what they
  /// own may run code of others.
  [[nodiscard]] std::vector<std::unique_ptr<const T>> publish(std::unique_ptr<const T> next) {
    retired_.reserve(retired_.size() + 1);  // Nothing may throw between the exchange and the push.
    retired_.emplace_back(current_.exchange(next.release(), std::memory_order_seq_cst));
    // Sequential consistency orders this load after the exchange: a reader that it does not count has not
    // loaded yet.
    if (readers_.load(std::memory_order_seq_cst) != 0) return {};
    return std::exchange(retired_, {});
  }

 private:
  class Reader {
   public:
    explicit Reader(std::atomic<std::uint32_t>& count) : count_(count) {
      count_.fetch_add(1, std::memory_order_seq_cst);
    }
    ~Reader() { count_.fetch_sub(1, std::memory_order_release); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    std::atomic<std::uint32_t>& count_;
  };

  std::atomic<const T*> current_;
  mutable std::atomic<std::uint32_t> readers_ = 0;
  std::vector<std::unique_ptr<const T>> retired_;  // The writer's.
};

}  // namespace nextgen_kernels
