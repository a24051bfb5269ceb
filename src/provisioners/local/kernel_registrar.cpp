#include "provisioners/local/kernel_registrar.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <span>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "base/timestamp.h"
#include "wire/json.h"
#include "wire/kernel_frames.h"
#include "wire/signer.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view signature_scheme = "hmac-sha256";
constexpr std::array<const char*, 5> port_names = {"shell_port", "iopub_port", "stdin_port", "control_port",
                                                   "hb_port"};
constexpr std::string_view acknowledgement = "ACK";
constexpr std::size_t message_parts = 4;

std::vector<std::string_view> views(std::span<const std::string> texts) {
  return {texts.begin(), texts.end()};
}

/// True from 5.6 on.
bool can_register(std::string_view protocol_version) {
  int major = 0;
  int minor = 0;
  const auto* end = protocol_version.data() + protocol_version.size();
  const auto first = std::from_chars(protocol_version.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return false;
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc{}) return false;
  return major > 5 || (major == 5 && minor >= 6);
}

Result<ZmqRouter::Frames> signed_frames(const std::string& key, ZmqRouter::Frames parts) {
  auto signer = Signer::make(signature_scheme, key);
  if (!signer) return std::unexpected(signer.error());
  ZmqRouter::Frames frames = {std::string(kernel_frame_delimiter), signer->sign(views(parts))};
  frames.insert(frames.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  return frames;
}

}  // namespace

Result<std::optional<RegistrationDialect>> registration_dialect(const KernelSpec& spec) {
  const auto said = spec.metadata.find("registration");
  if (said == spec.metadata.end()) {
    if (can_register(spec.kernel_protocol_version)) return RegistrationDialect::jupyter;
    return std::nullopt;
  }
  if (*said == "jupyter") return RegistrationDialect::jupyter;
  if (*said == "kallichore") return RegistrationDialect::kallichore;
  if (*said == "none") return std::nullopt;
  return make_error(
      ErrorCode::invalid_argument,
      "Kernel '{}': metadata.registration in its kernel.json must be \"jupyter\", \"kallichore\" or "
      "\"none\"",
      spec.name);
}

KernelRegistrar::KernelRegistrar(Executor executor, std::string ip)
    : executor_(executor), ip_(std::move(ip)), changed_(executor) {}

Result<ConnectionInfo> KernelRegistrar::expect(const std::string& kernel_id, const std::string& key,
                                               RegistrationDialect dialect) {
  if (router_ == nullptr) {
    auto router =
        ZmqRouter::listen(executor_, ip_, [this](const Frames& message) { return answer_to(message); });
    if (!router) return std::unexpected(router.error());
    router_ = std::move(*router);
  }
  expected_[kernel_id] = {.key = key, .info = std::nullopt};
  ConnectionInfo file = {
      {"transport", "tcp"}, {"ip", ip_}, {"signature_scheme", signature_scheme}, {"key", key}};
  if (dialect == RegistrationDialect::jupyter) {
    file["kernel_id"] = kernel_id;
    file["registration_ip"] = ip_;
    file["registration_port"] = std::to_string(router_->port());  // xeus takes no number, and needs `ip` too.
  } else {
    file["registration_port"] = router_->port();
  }
  return file;
}

bool KernelRegistrar::is_registered(const std::string& kernel_id) const {
  const auto expected = expected_.find(kernel_id);
  return expected != expected_.end() && expected->second.info.has_value();
}

Task<Result<ConnectionInfo>> KernelRegistrar::wait_for(std::string kernel_id) {
  while (true) {
    const auto expected = expected_.find(kernel_id);
    if (expected == expected_.end())
      co_return make_error(ErrorCode::unavailable, "No registration of kernel {} is expected", kernel_id);
    if (expected->second.info) co_return *expected->second.info;
    co_await changed_.wait();
  }
}

std::optional<KernelRegistrar::Frames> KernelRegistrar::answer_to(const Frames& message) {
  auto answer = take(message);
  if (answer) {
    changed_.notify_all();
    return std::move(*answer);
  }
  ++refused_;
  if (std::has_single_bit(refused_))
    log_warning("Refused a registration of a kernel ({} so far): {}", refused_, answer.error().message);
  return std::nullopt;
}

Result<KernelRegistrar::Frames> KernelRegistrar::take(const Frames& message) {
  const auto delimiter = std::ranges::find(message, kernel_frame_delimiter);
  const auto rest = std::span(message).subspan(static_cast<std::size_t>(delimiter - message.begin()));
  if (rest.size() < 3) return make_error(ErrorCode::protocol, "it is no signed message");
  const auto& signature = rest[1];
  const auto parts = rest.subspan(2);
  if (parts.size() != 1 && parts.size() < message_parts)
    return make_error(ErrorCode::protocol, "it has {} parts, neither 1 nor {}", parts.size(), message_parts);
  constexpr std::size_t deepest_nesting = 64;
  if (std::ranges::any_of(parts, [](const auto& part) { return nests_deeper_than(part, deepest_nesting); }))
    return make_error(ErrorCode::protocol, "its JSON is nested too deep");
  const auto signed_parts = views(parts.first(std::min(parts.size(), message_parts)));
  // One dialect names no kernel: the key tells whose message it is.
  for (auto& [kernel_id, expected] : expected_) {
    auto signer = Signer::make(signature_scheme, expected.key);
    if (!signer || !signer->verify(signed_parts, signature)) continue;
    if (parts.size() == 1) return answer_jupyter(kernel_id, expected, parts[0]);
    return answer_kallichore(expected, Frames(parts.begin(), parts.end()));
  }
  return make_error(ErrorCode::protocol, "its signature is that of no kernel that is expected");
}

Result<void> KernelRegistrar::note_ports(Expected& expected, const nlohmann::json& content) const {
  if (!content.is_object()) return make_error(ErrorCode::protocol, "its content is no object");
  ConnectionInfo info = {
      {"transport", "tcp"}, {"ip", ip_}, {"key", expected.key}, {"signature_scheme", signature_scheme}};
  for (const auto* name : port_names) {
    const auto port = connection_port(content, name);
    if (!port) return std::unexpected(port.error());
    info[name] = *port;
  }
  if (expected.info && *expected.info != info)
    return make_error(ErrorCode::protocol, "the kernel has registered other ports before");
  expected.info = std::move(info);
  return {};
}

Result<KernelRegistrar::Frames> KernelRegistrar::answer_jupyter(const std::string& kernel_id,
                                                                Expected& expected,
                                                                const std::string& content) {
  const auto parsed = nlohmann::json::parse(content, nullptr, false);
  if (parsed.is_object() && parsed.contains("kernel_id") && parsed["kernel_id"] != kernel_id)
    return make_error(ErrorCode::protocol, "it names another kernel than the one whose key signed it");
  if (auto noted = note_ports(expected, parsed); !noted) return std::unexpected(noted.error());
  return signed_frames(expected.key, {std::string(acknowledgement)});
}

Result<KernelRegistrar::Frames> KernelRegistrar::answer_kallichore(Expected& expected, const Frames& parts) {
  const auto header = nlohmann::json::parse(parts[0], nullptr, false);
  if (!header.is_object() || header.value("msg_type", nlohmann::json()) != "handshake_request")
    return make_error(ErrorCode::protocol, "it is no handshake_request");
  if (auto noted = note_ports(expected, nlohmann::json::parse(parts[3], nullptr, false)); !noted)
    return std::unexpected(noted.error());
  const nlohmann::json reply_header = {{"msg_id", random_uuid()},
                                       {"msg_type", "handshake_reply"},
                                       {"session", random_uuid()},
                                       {"username", "kernel-service"},
                                       {"date", format_timestamp(Timestamp::clock::now())},
                                       {"version", "5.5"}};
  const nlohmann::json content = {
      {"status", "ok"}, {"error", nullptr}, {"capabilities", nlohmann::json::object()}};
  return signed_frames(expected.key, {reply_header.dump(), parts[0], "{}", content.dump()});
}

}  // namespace nextgen_kernels
