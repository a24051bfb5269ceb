#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include <nextgen_kernels/abi.h>
#include <nextgen_kernels/error.h>

namespace nextgen_kernels::plugin {

enum class LogLevel : int {
  debug = NK_LOG_DEBUG,
  info = NK_LOG_INFO,
  warning = NK_LOG_WARNING,
  error = NK_LOG_ERROR
};

/// What connects the classes of the SDK with the C ABI; not for plugins to use.
namespace detail {

/// The server's functions. Of this library alone: hidden, so that no other plugin shares it.
[[gnu::visibility("hidden")]] inline const nk_host* host = nullptr;

inline nk_string to_abi(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view from_abi(nk_string text) {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}

/// True when whoever filled the table knew the member that ends at `end` bytes.
template <typename Table>
bool reaches(const Table* table, std::size_t end) {
  return table->size >= end;
}

}  // namespace detail

/// Writes a line into the server's log. From any thread. Never a secret.
inline void log(LogLevel level, std::string_view message) {
  detail::host->log(static_cast<int>(level), detail::to_abi(message));
}
inline void log_info(std::string_view message) {
  log(LogLevel::info, message);
}
inline void log_warning(std::string_view message) {
  log(LogLevel::warning, message);
}
inline void log_error(std::string_view message) {
  log(LogLevel::error, message);
}

/// The version of the server, "0.1.0".
inline std::string_view server_version() {
  return detail::from_abi(detail::host->server_version);
}

namespace detail {

/// What an exception is in the ABI. Call it in a `catch` block: `told(code, message)`.
template <typename Tell>
void tell_exception(Tell&& told) {
  try {
    throw;
  } catch (const Error& error) {
    told(static_cast<std::int32_t>(error.code()), std::string_view(error.what()));
  } catch (const std::exception& exception) {
    told(NK_ERROR_INTERNAL, std::string_view(exception.what()));
  } catch (...) {
    told(NK_ERROR_INTERNAL, std::string_view("something that is no exception was thrown"));
  }
}

/// Calls `function`, whose failure nobody waits for: it goes into the log.
template <typename Function>
void call_logged(std::string_view what, Function&& function) noexcept {
  try {
    function();
  } catch (...) {
    tell_exception([what](std::int32_t, std::string_view message) {
      log_error(std::string(what) + " failed: " + std::string(message));
    });
  }
}

/// Calls `function`, and answers with the text that it returns, at once.
template <typename Function>
void answer(nk_reply reply, Function&& function) noexcept {
  try {
    const std::string text = function();
    reply.succeed(reply.context, to_abi(text));
  } catch (...) {
    tell_exception([reply](std::int32_t code, std::string_view message) {
      reply.fail(reply.context, code, to_abi(message));
    });
  }
}

/// An `nk_reply` that takes the answer of a function which answers at once.
class Answer {
 public:
  nk_reply reply() { return {this, &succeed, &fail}; }

  /// What was answered. Throws what went wrong.
  const std::string& text() const {
    if (error_ != 0) throw Error(static_cast<ErrorCode>(error_), text_);
    return text_;
  }

 private:
  static void succeed(void* context, nk_string result) {
    static_cast<Answer*>(context)->text_ = from_abi(result);
  }
  static void fail(void* context, std::int32_t error, nk_string message) {
    auto& answer = *static_cast<Answer*>(context);
    answer.error_ = error;
    answer.text_ = from_abi(message);
  }

  std::string text_;
  std::int32_t error_ = 0;
};

}  // namespace detail
}  // namespace nextgen_kernels::plugin
