#include <array>
#include <string>

#include <benchmark/benchmark.h>

#include "wire/header.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"
#include "wire/signer.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view header =
    R"({"msg_id": "4d41b6f2-7a5a5a0d1c7c8b6b0e2b9a55_12345_678", "msg_type": "stream", "username": "jovyan", )"
    R"("session": "4d41b6f2-7a5a5a0d1c7c8b6b0e2b9a55", "date": "2024-01-02T03:04:05.678901Z", "version": "5.3"})";
constexpr std::string_view parent =
    R"({"msg_id": "0a6e2b0e-8a6e-4ad5-9a1f-2f0fb5c5a3f7", "msg_type": "execute_request", "username": "", )"
    R"("session": "8f9a6f64-6a0f-4c05-93a1-5d1f9c1d7d5b", "date": "2024-01-02T03:04:05.123Z", "version": "5.2"})";

std::string stream_content(std::int64_t size) {
  return R"({"name": "stdout", "text": ")" + std::string(static_cast<std::size_t>(size), 'x') + "\"}";
}

/// The parts of a stream message with so many bytes of text.
struct Sample {
  explicit Sample(std::int64_t size) : content(stream_content(size)) {}
  std::array<std::string_view, 4> parts() const { return {header, parent, "{}", content}; }
  std::string content;
};

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void scan_header_fields(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(scan_header(header));
}
BENCHMARK(scan_header_fields);

void message_make(benchmark::State& state) {
  const Sample sample(state.range(0));
  const auto parts = sample.parts();
  for (auto _ : state) benchmark::DoNotOptimize(Message::make(Channel::iopub, parts, {}));
  count(state);
}
BENCHMARK(message_make)->Arg(100)->Arg(1024)->Arg(65'536);

void legacy_frame(benchmark::State& state) {
  const Sample sample(state.range(0));
  const auto parts = sample.parts();
  for (auto _ : state) {
    const auto message = Message::make(Channel::iopub, parts, {});
    benchmark::DoNotOptimize((*message)->legacy_frame());
  }
  count(state);
}
BENCHMARK(legacy_frame)->Arg(100)->Arg(1024)->Arg(65'536);

void sign(benchmark::State& state) {
  const Sample sample(state.range(0));
  const auto parts = sample.parts();
  auto signer = Signer::make("hmac-sha256", "a0436f6c-1916-498b-8eb9-e81ab9368e84");
  for (auto _ : state) benchmark::DoNotOptimize(signer->sign(parts));
  count(state);
}
BENCHMARK(sign)->Arg(100)->Arg(1024)->Arg(65'536);

void verify(benchmark::State& state) {
  const Sample sample(state.range(0));
  const auto parts = sample.parts();
  auto signer = Signer::make("hmac-sha256", "a0436f6c-1916-498b-8eb9-e81ab9368e84");
  const auto signature = signer->sign(parts);
  for (auto _ : state) benchmark::DoNotOptimize(signer->verify(parts, signature));
  count(state);
}
BENCHMARK(verify)->Arg(100)->Arg(1024)->Arg(65'536);

void decode_v1(benchmark::State& state) {
  const Sample sample(state.range(0));
  const auto message = Message::make(Channel::shell, sample.parts(), {});
  const std::string payload((*message)->v1_payload());
  for (auto _ : state) benchmark::DoNotOptimize(decode_v1_message(payload));
  count(state);
}
BENCHMARK(decode_v1)->Arg(100)->Arg(1024)->Arg(65'536);

void websocket_decode(benchmark::State& state) {
  const auto frame = encode_masked_websocket_frame(
      WebSocketOpcode::binary, std::string(static_cast<std::size_t>(state.range(0)), 'x'), {1, 2, 3, 4});
  WebSocketDecoder decoder({});
  for (auto _ : state) {
    decoder.feed(frame);
    benchmark::DoNotOptimize(decoder.next());
  }
  count(state);
}
BENCHMARK(websocket_decode)->Arg(100)->Arg(1024)->Arg(65'536);

}  // namespace
}  // namespace nextgen_kernels
