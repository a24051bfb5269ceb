#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace nextgen_kernels {

/// One of the places of a `Seats`; free again when this ends.
class Seat {
 public:
  Seat(Seat&& other) noexcept : taken_(std::move(other.taken_)) {}
  Seat& operator=(Seat&& other) noexcept {
    std::swap(taken_, other.taken_);
    return *this;
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() {
    if (taken_ != nullptr) --*taken_;
  }

 private:
  friend class Seats;
  explicit Seat(std::shared_ptr<std::size_t> taken) : taken_(std::move(taken)) { ++*taken_; }

  std::shared_ptr<std::size_t> taken_;
};

/// A bounded number of places, for what there must not be too many of at once. On one executor, as all its
/// seats; they may outlive it.
class Seats {
 public:
  /// 0: no bound.
  explicit Seats(std::size_t limit) : limit_(limit) {}

  std::size_t limit() const { return limit_; }
  std::size_t taken() const { return *taken_; }

  /// Nothing when none is free.
  std::optional<Seat> take() {
    if (limit_ != 0 && *taken_ >= limit_) return std::nullopt;
    return Seat(taken_);
  }

 private:
  std::size_t limit_;
  std::shared_ptr<std::size_t> taken_ = std::make_shared<std::size_t>(0);
};

}  // namespace nextgen_kernels
