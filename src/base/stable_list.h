#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace nextgen_kernels {

/// Objects that somebody else owns, in the order in which they joined; they may join and leave while the
/// list is visited, so this is how sockets, cursors and listeners are told of something: whatever a visit
/// does to one of them, the visit goes on with the others. Joining and leaving take constant time. Belongs to
/// one executor.
template <typename T>
class StableList {
 public:
  /// An object's place in a list, from construction to destruction. A member of the object, usually.
  class Membership {
   public:
    Membership(StableList& list, T& object) : list_(&list), object_(object), number_(++list.last_number_) {
      previous_ = std::exchange(list.last_, this);
      (previous_ == nullptr ? list.first_ : previous_->next_) = this;
      ++list.size_;
    }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;
    ~Membership() {
      if (list_ != nullptr) list_->remove(*this);
    }

   private:
    friend class StableList;

    StableList* list_;  // Null once the list is gone.
    T& object_;
    std::uint64_t number_;
    Membership* previous_ = nullptr;
    Membership* next_ = nullptr;
  };

  StableList() = default;
  StableList(const StableList&) = delete;
  StableList& operator=(const StableList&) = delete;
  ~StableList() {
    for (auto* visit = visits_; visit != nullptr; visit = visit->outer) visit->list_gone = true;
    for (auto* place = first_; place != nullptr; place = place->next_) place->list_ = nullptr;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Calls `visitor` with every object that was in the list at the call and still is when its turn comes.
  /// Ends early when the list is destroyed meanwhile.
  template <typename Visitor>
  void for_each(Visitor visitor) const {
    Visit visit(*this);
    while (!visit.list_gone && visit.next != nullptr && visit.next->number_ <= visit.last_number) {
      auto* const place = std::exchange(visit.next, visit.next->next_);
      visitor(place->object_);
    }
  }

 private:
  /// A call of `for_each` that has not ended.
  struct Visit {
    explicit Visit(const StableList& visited)
        : list(visited),
          outer(std::exchange(visited.visits_, this)),
          next(visited.first_),
          last_number(visited.last_number_) {}
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      if (!list_gone) list.visits_ = outer;
    }

    const StableList& list;
    Visit* outer;
    Membership* next;
    std::uint64_t last_number;  // Of the newest object; those that join later are not visited.
    bool list_gone = false;
  };

  void remove(Membership& place) {
    for (auto* visit = visits_; visit != nullptr; visit = visit->outer)
      if (visit->next == &place) visit->next = place.next_;
    (place.previous_ == nullptr ? first_ : place.previous_->next_) = place.next_;
    (place.next_ == nullptr ? last_ : place.next_->previous_) = place.previous_;
    --size_;
  }

  Membership* first_ = nullptr;
  Membership* last_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t last_number_ = 0;
  mutable Visit* visits_ = nullptr;
};

}  // namespace nextgen_kernels
