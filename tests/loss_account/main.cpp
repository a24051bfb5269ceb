// Accounts for every message of a flood by its number, at listeners that are killed, that stall, and that
// read at different speeds. Prints JSON, one object for each kind of listener.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "listener.h"

namespace nextgen_kernels::loss_account {
namespace {

struct Plan {
  Target target;
  std::uint64_t messages = 0;
  std::size_t size = 100;
  std::size_t stalled = 1;
  std::size_t killed = 1;
  std::size_t listeners = 4;        ///< That read at different speeds.
  std::uint64_t kill_after = 5000;  ///< Messages, at most.
  std::uint64_t kill_after_ms = 0;  ///< Instead of them, if not 0.
  std::uint64_t stall_seconds = 0;  ///< 0: until the others have everything.
};

/// Runs one thread for each listener; the first failure ends the program.
class LossAccount {
 public:
  explicit LossAccount(Plan plan) : plan_(std::move(plan)) {}

  void run() {
    Listener requester(plan_.target, "requester");
    requester.connect();
    for (std::size_t i = 0; i < plan_.stalled; ++i)
      begin("stalled", [this](Listener& listener) { stall(listener); });
    for (std::size_t i = 0; i < plan_.killed; ++i)
      begin("killed", [this](Listener& listener) { kill(listener); });
    for (std::size_t i = 0; i < plan_.listeners; ++i)
      begin("speeds", [this, i](Listener& listener) { read_slowly(listener, i); });
    while (connected_ < threads_.size()) std::this_thread::yield();
    requester.execute(fmt::format("flood {} {}", plan_.messages, plan_.size));
    while (!requester.has_all(plan_.messages) && requester.receive_some()) {
      requester_received_ = requester.received();
    }
    report("requester", requester.close(plan_.messages));
    requester_has_all_ = true;
    requester_has_all_.notify_all();
    for (auto& thread : threads_) thread.join();
    print();
  }

 private:
  void begin(const std::string& kind, std::function<void(Listener&)> behave) {
    threads_.emplace_back([this, kind, number = threads_.size(), behave = std::move(behave)] {
      try {
        Listener listener(plan_.target, fmt::format("{}_{}", kind, number));
        listener.connect();
        ++connected_;
        behave(listener);
        report(kind, listener.close(plan_.messages));
      } catch (const std::exception& error) {
        std::fprintf(stderr, "loss_account: %s %zu: %s\n", kind.c_str(), number, error.what());
        std::_Exit(1);
      }
    });
  }

  void stall(Listener& listener) {
    if (plan_.stall_seconds > 0)
      std::this_thread::sleep_for(std::chrono::seconds(plan_.stall_seconds));
    else
      requester_has_all_.wait(false);
    while (!listener.has_all(plan_.messages) && listener.receive_some()) {
    }
  }

  void kill(Listener& listener) {
    std::mt19937_64 random(4711);
    while (!listener.has_all(plan_.messages)) {
      const auto limit = plan_.kill_after_ms > 0 ? plan_.kill_after_ms : plan_.kill_after;
      const auto life = std::uniform_int_distribution<std::uint64_t>(1, limit)(random);
      const auto start = Clock::now();
      const auto before = listener.received();
      const auto lives = [&] {
        return plan_.kill_after_ms > 0 ? Clock::now() - start < std::chrono::milliseconds(life)
                                       : listener.received() - before < life;
      };
      while (lives() && !listener.has_all(plan_.messages)) {
        if (!listener.receive_some()) throw std::runtime_error("the server closed the connection");
      }
      if (listener.has_all(plan_.messages)) return;
      listener.cut_off();
      listener.connect();
    }
  }

  /// The first of N takes 1 / (N + 1) of what the requester takes in the same time, the last N / (N + 1).
  void read_slowly(Listener& listener, std::size_t number) {
    const auto share = [this, number](std::uint64_t messages) {
      return messages * (number + 1) / (plan_.listeners + 1);
    };
    while (!listener.has_all(plan_.messages)) {
      const std::uint64_t ahead = requester_received_;
      if (!requester_has_all_ && listener.received() > share(ahead)) {
        listener.note_behind(ahead);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      } else if (!listener.receive_some()) {
        return;
      }
    }
  }

  void report(const std::string& kind, const Account& account) {
    const std::chrono::duration<double> seconds = Clock::now() - start_;
    const std::lock_guard lock(mutex_);
    lines_.push_back(
        fmt::format(R"({{"kind": "{}", "received": {}, "lost": {}, "duplicated": {}, "notices": {}, )"
                    R"("connections": {}, "furthest_behind": {}, "seconds": {:.3f}}})",
                    kind, account.received, account.lost, account.duplicated, account.notices,
                    account.connections, account.furthest_behind, seconds.count()));
  }

  void print() const { fmt::print("[{}]\n", fmt::join(lines_, ",\n ")); }

  Plan plan_;
  const Clock::time_point start_ = Clock::now();
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> connected_ = 0;
  std::atomic<std::uint64_t> requester_received_ = 0;
  std::atomic<bool> requester_has_all_ = false;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace
}  // namespace nextgen_kernels::loss_account

int main(int argc, char** argv) {
  namespace account = nextgen_kernels::loss_account;
  CLI::App app{"Accounts for every message of a synthetic kernel's flood."};
  account::Plan plan;
  app.add_option("--port", plan.target.port, "Port of the server on 127.0.0.1")->required();
  app.add_option("--kernel-id", plan.target.kernel_id)->required();
  app.add_option("--token", plan.target.token, "The server's token")->envname("JUPYTER_TOKEN");
  app.add_option("--messages", plan.messages)->required()->check(CLI::PositiveNumber);
  app.add_option("--size", plan.size, "Bytes of text in each");
  app.add_option("--stalled", plan.stalled, "Listeners that stall");
  app.add_option("--killed", plan.killed, "Listeners that are killed again and again");
  app.add_option("--listeners", plan.listeners, "That read at different speeds");
  app.add_option("--kill-after", plan.kill_after, "A random number of messages up to this one");
  app.add_option("--kill-after-ms", plan.kill_after_ms, "Instead, a random time up to this one");
  app.add_option("--stall-seconds", plan.stall_seconds, "0: until another has everything");
  CLI11_PARSE(app, argc, argv);
  try {
    account::LossAccount(std::move(plan)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loss_account: %s\n", error.what());
    return 1;
  }
  return 0;
}
