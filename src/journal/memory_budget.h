#pragma once

#include <cstddef>
#include <vector>

namespace nextgen_kernels {

/// The memory that all journals of a server may take together. When it runs short, the journal that takes
/// most gives some back. Shared by the journals, on their executor only.
class MemoryBudget {
 public:
  /// Someone who takes of the budget, and can give back.
  class Member {
   public:
    virtual std::size_t memory_size() const = 0;
    /// Begins to write what is oldest to disk, if that is possible and not under way.
    virtual void spill_oldest() = 0;
    /// Gives up messages, the oldest first, until `bytes` are freed. Returns how many were.
    virtual std::size_t drop_oldest(std::size_t bytes) = 0;

   protected:
    ~Member() = default;
  };

  explicit MemoryBudget(std::size_t limit);
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  void join(Member& member) { members_.push_back(&member); }
  /// What the member still takes is given back.
  void leave(Member& member);

  void take(std::size_t bytes) {
    used_ += bytes;
    if (used_ > look_at_) relieve();
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }

  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  void relieve();
  Member* largest() const;

  std::size_t limit_;
  std::size_t spill_above_;
  std::size_t look_at_;  ///< Above so much, `take` looks what can be done.
  std::size_t used_ = 0;
  std::vector<Member*> members_;
};

}  // namespace nextgen_kernels
