#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace nextgen_kernels {

/// What kind of failure an `Error` is; each boundary (HTTP, command line, plugin ABI) maps these to its own
/// codes.
enum class ErrorCode {
  invalid_argument,   ///< The caller's input is wrong: syntax, type, range.
  not_found,          ///< The named thing does not exist.
  already_exists,     ///< The named thing exists and must not.
  permission_denied,  ///< The caller may not do this.
  unavailable,        ///< Right now this cannot work (dead kernel, stopping server); later it may.
  timeout,            ///< A stated time limit passed.
  resource_limit,     ///< A configured bound was reached.
  protocol,           ///< The peer (kernel, client, plugin) broke the protocol.
  io,                 ///< The operating system refused.
  internal,           ///< A defect of ours.
};

/// The snake_case name of a code, as it appears in logs and JSON.
std::string_view to_string(ErrorCode code);

/// A failure in operation: its kind, and a sentence that says what was wrong, where, and what to do.
/// Never holds a secret (kernel key, token): messages reach users and logs.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

namespace detail {

/// Reports that a `Result` was asked for the side that it does not hold: a defect of the caller. Ends the
/// program in a debug build; throws `std::logic_error` otherwise.
[[noreturn]] void report_misread_result(std::string_view what_was_wrong);

}  // namespace detail

/// What an operation that can fail returns: a value, or the `Error` that says why there is none. It is a
/// `std::expected` that never reads what it does not hold: asking a value for its error, or an error for its
/// value, is a defect of the caller, which ends a debug build with a message and throws `std::logic_error`
/// in a release build.
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
  using Base = std::expected<T, Error>;

 public:
  Result() = default;

  /// From everything that makes a `std::expected`: a value, `std::unexpected`, another `Result`.
  template <typename From = T>
    requires(!std::is_void_v<From> && !std::is_same_v<std::remove_cvref_t<From>, Result> &&
             std::is_constructible_v<Base, From>)
  explicit(!std::is_convertible_v<From, Base>) Result(From&& from) : Base(std::forward<From>(from)) {}

  decltype(auto) operator*() const& { return *holding_value(base()); }
  decltype(auto) operator*() & { return *holding_value(base()); }
  decltype(auto) operator*() && { return *std::move(holding_value(base())); }

  auto* operator->() const
    requires(!std::is_void_v<T>)
  {
    return holding_value(base()).operator->();
  }
  auto* operator->()
    requires(!std::is_void_v<T>)
  {
    return holding_value(base()).operator->();
  }

  const Error& error() const& { return holding_error(base()).error(); }
  Error& error() & { return holding_error(base()).error(); }
  Error&& error() && { return std::move(holding_error(base())).error(); }

 private:
  const Base& base() const { return *this; }
  Base& base() { return *this; }

  template <typename Expected>
  static Expected& holding_value(Expected& expected) {
    if (!expected.has_value())
      detail::report_misread_result("the value of a Result was read that holds an error: " +
                                    expected.error().message);
    return expected;
  }
  template <typename Expected>
  static Expected& holding_error(Expected& expected) {
    if (expected.has_value())
      detail::report_misread_result("the error of a Result was read that holds a value");
    return expected;
  }
};

/// `return make_error(ErrorCode::not_found, "Kernel spec {} not found", name);`
template <typename... Args>
std::unexpected<Error> make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// An error of the operating system: `make_errno_error("open", path, errno)` reads "open /x: Permission
/// denied".
std::unexpected<Error> make_errno_error(std::string_view operation, std::string_view subject,
                                        int error_number);

}  // namespace nextgen_kernels
