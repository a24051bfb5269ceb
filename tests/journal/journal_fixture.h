#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"
#include "journal/cursor.h"
#include "messages.h"

namespace nextgen_kernels {

/// The blocking work of journals, done when the test says so.
class BlockingWork {
 public:
  RunBlocking runner() {
    return [this](std::move_only_function<void()> work, std::move_only_function<void()> done) {
      jobs_.emplace_back(std::move(work), std::move(done));
    };
  }
  std::size_t pending() const { return jobs_.size(); }

  void do_one() {
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job.first();
    job.second();
  }
  void do_all() {
    while (!jobs_.empty()) do_one();
  }
  void forget_all() { jobs_.clear(); }

 private:
  std::deque<std::pair<std::move_only_function<void()>, std::move_only_function<void()>>> jobs_;
};

class CountingListener : public JournalListener {
 public:
  void on_journal_activity() override { ++calls; }
  int calls = 0;
};

inline std::vector<std::string> contents(const Cursor::Batch& batch) {
  std::vector<std::string> result;
  for (const auto& entry : batch.entries) result.emplace_back(entry.message->content());
  return result;
}

inline Message::Pointer numbered(std::uint64_t number) {
  return make_message({.content = std::to_string(number)});
}

}  // namespace nextgen_kernels
