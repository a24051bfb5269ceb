#include "journal/journal.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "journal/cursor.h"

namespace nextgen_kernels {
namespace {

// What is written at once: much enough for the disk, little enough for the memory of those who read it.
constexpr std::size_t block_bytes = 1024 * 1024;
// Less is not worth a write.
constexpr std::size_t least_block_bytes = 256 * 1024;
// So much must be appended before it is looked again what can leave the memory.
constexpr std::size_t relief_step = 64 * 1024;
// What cursors still need is written to disk before the memory bound is reached, so that the bound need not
// wait for the disk.
constexpr std::size_t spill_above(std::size_t limit) {
  return limit - limit / 4;
}

}  // namespace

Journal::Journal(Limits limits, std::shared_ptr<JournalServices> services)
    : limits_(limits), services_(std::move(services)), id_(random_hex(8)) {
  limits_.retained_bytes = std::min(limits_.retained_bytes, spill_above(limits_.memory_bytes));
  if (services_ != nullptr) services_->budget.join(*this);
  if (services_ != nullptr && services_->run_write && limits_.spill_bytes > 0) {
    largest_block_ = static_cast<std::size_t>(
        std::min<std::uint64_t>({block_bytes, limits_.spill_bytes / 4, limits_.memory_bytes / 4}));
    spill_ = std::make_unique<Spill>(services_, limits_.spill_bytes);
    spill_->on_written = [this](const Result<void>& result) { end_spill(result); };
    spill_->on_loaded = [this](LostMessages numbers) { wake(numbers); };
  }
  set_relief_point();
}

Journal::~Journal() {
  if (services_ != nullptr) services_->budget.leave(*this);
}

MessageNumber Journal::append(Message::Pointer message, Audience audience,
                              std::shared_ptr<const RequestOrigin> origin) {
  const auto size = message->memory_size();
  const auto number = next_number();
  entries_.push_back({.message = std::move(message),
                      .number = number,
                      .audience = audience,
                      .epoch = epoch_,
                      .origin = std::move(origin)});
  bytes_ += size;
  appended_bytes_ += size;
  if (bytes_ > relieve_above_ || entries_.size() > limits_.memory_messages) relieve();
  if (services_ != nullptr) services_->budget.take(size);
  return number;
}

void Journal::note_growth(MessageNumber number) {
  if (number < memory_first_) return;  // It is on its way out.
  auto& entry = entries_[number - memory_first_];
  const auto grown = entry.message->legacy_size();
  if (grown == entry.grown) return;
  const auto more = grown - entry.grown;
  entry.grown = grown;
  bytes_ += more;
  if (bytes_ > relieve_above_) relieve();
  if (services_ != nullptr) services_->budget.take(more);
}

// What leaves the memory
// ---------------------------------------------------------------------------------------------

void Journal::set_relief_point() {
  const auto least = spill_ == nullptr ? limits_.memory_bytes : limits_.retained_bytes;
  relieve_above_ = std::min(std::max(least, bytes_ + relief_step), limits_.memory_bytes);
}

void Journal::relieve() {
  if (may_spill()) {
    if (const auto count = count_to_spill(); count > 0) begin_spill(count);
  }
  // While there is room to be had, because a write is under way, the bound of all journals together holds.
  if (writing_ == nullptr || spill_failed_) {
    // The newest message does not make older ones go when a write that fails may still end.
    const auto newest = writing_ != nullptr && !entries_.empty() ? entries_.back().memory_size() : 0;
    while (entries_.size() > 1 &&
           (bytes_ - newest > limits_.memory_bytes || entries_.size() > limits_.memory_messages))
      forget_oldest();
  }
  set_relief_point();
}

bool Journal::may_spill() const {
  return spill_ != nullptr && !spill_->writing() && appended_bytes_ >= spill_again_at_;
}

/// How many of the oldest entries are to be written now.
std::size_t Journal::count_to_spill() const {
  const bool too_much =
      bytes_ > spill_above(limits_.memory_bytes) || entries_.size() > spill_above(limits_.memory_messages);
  auto needed = next_number();
  cursors_.for_each([&needed](const Cursor& cursor) { needed = std::min(needed, cursor.position()); });
  auto left = bytes_;
  std::size_t count = 0;
  for (const auto& entry : entries_) {
    const bool unneeded = entry.number < needed && left > limits_.retained_bytes;
    if (bytes_ - left >= largest_block_ || (!too_much && !unneeded)) break;
    left -= entry.memory_size();
    ++count;
  }
  return too_much || bytes_ - left >= std::min(least_block_bytes, largest_block_) ? count : 0;
}

void Journal::begin_spill(std::size_t count) {
  std::vector<JournalEntry> entries;
  entries.reserve(count);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(count);
  std::move(entries_.begin(), end, std::back_inserter(entries));
  entries_.erase(entries_.begin(), end);
  memory_first_ += count;
  for (const auto& entry : entries) writing_bytes_ += entry.memory_size();
  writing_ = std::make_shared<const std::vector<JournalEntry>>(std::move(entries));
  spill_->write(writing_);
}

void Journal::end_spill(const Result<void>& result) {
  if (result) {
    spill_written_bytes_ += writing_bytes_;
    bytes_ -= writing_bytes_;
    services_->budget.give_back(writing_bytes_);
    if (std::exchange(spill_failed_, false)) log_info("The journal {} can be written to disk again", id_);
  } else {
    keep_what_was_not_written(result.error());
  }
  writing_bytes_ = 0;
  writing_.reset();
  if (bytes_ > limits_.retained_bytes) relieve();
}

void Journal::keep_what_was_not_written(const Error& error) {
  ++spill_failures_;
  // Not at every message: until the memory has been filled anew.
  spill_again_at_ = appended_bytes_ + limits_.memory_bytes;
  if (!std::exchange(spill_failed_, true)) {
    log_error(
        "The journal {} of a kernel cannot be written to disk: {} Until it can be, {} bytes of messages "
        "are kept for clients that are behind (KernelJournal.memory_limit_bytes)",
        id_, as_sentence(error.message), limits_.memory_bytes);
  }
  if (writing_->back().number + 1 == memory_first_) {
    entries_.insert(entries_.begin(), writing_->begin(), writing_->end());
    memory_first_ = entries_.front().number;
  } else {
    // The memory was full meanwhile, and these are the oldest.
    bytes_ -= writing_bytes_;
    services_->budget.give_back(writing_bytes_);
  }
}

void Journal::forget_oldest() {
  const auto size = entries_.front().memory_size();
  entries_.pop_front();
  ++memory_first_;
  bytes_ -= size;
  if (services_ != nullptr) services_->budget.give_back(size);
}

void Journal::spill_oldest() {
  if (!may_spill()) return;
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const auto& entry : entries_) {
    if (bytes >= largest_block_) break;
    bytes += entry.memory_size();
    ++count;
  }
  if (count > 0) begin_spill(count);
}

std::size_t Journal::drop_oldest(std::size_t bytes) {
  const auto before = bytes_;
  while (entries_.size() > 1 && before - bytes_ < bytes) forget_oldest();
  return before - bytes_;
}

// Cursors
// ------------------------------------------------------------------------------------------------------------

void Journal::notify() {
  cursors_.for_each([](Cursor& cursor) {
    if (!cursor.waiting_ && !cursor.at_end()) cursor.listener_.on_journal_activity();
  });
}

void Journal::close() {
  closed_ = true;
  cursors_.for_each([](Cursor& cursor) { cursor.listener_.on_journal_activity(); });
}

/// Tells the cursors that waited for these messages.
void Journal::wake(LostMessages loaded) {
  // All of them hold the block before the first listener goes on and has another one loaded.
  cursors_.for_each([&](Cursor& cursor) {
    if (!cursor.waiting_ || cursor.next_ < loaded.first || cursor.next_ > loaded.last) return;
    cursor.block_ = spill_->find(cursor.next_);
    cursor.waiting_ = false;
    cursor.woken_ = true;
  });
  cursors_.for_each([](Cursor& cursor) {
    if (std::exchange(cursor.woken_, false)) cursor.listener_.on_journal_activity();
  });
}

MessageNumber Journal::first_number() const {
  return next_readable(0);
}

MessageNumber Journal::next_readable(MessageNumber number) const {
  auto first = std::max(number, memory_first_);
  if (writing_ != nullptr && number <= writing_->back().number)
    first = std::min(first, std::max(number, writing_->front().number));
  if (spill_ != nullptr) {
    if (const auto spilled = spill_->next_after(number)) first = std::min(first, *spilled);
  }
  return first;
}

void Journal::tell_overrun(const Cursor& cursor, LostMessages lost) {
  ++overruns_;
  lost_messages_ += lost.count();
  if (on_overrun) on_overrun({.lost = lost, .audience = cursor.audience()});
}

JournalStatistics Journal::statistics() const {
  MessageNumber furthest_behind = 0;
  cursors_.for_each([&furthest_behind](const Cursor& cursor) {
    furthest_behind = std::max(furthest_behind, cursor.behind());
  });
  return {.id = id_,
          .first_number = first_number(),
          .next_number = next_number(),
          .epoch = epoch_,
          .memory_bytes = bytes_,
          .memory_messages = entries_.size() + (writing_ == nullptr ? 0 : writing_->size()),
          .spilled_bytes = spill_ == nullptr ? 0 : spill_->bytes(),
          .spilled_messages = spill_ == nullptr ? 0 : spill_->messages(),
          .spill_written_bytes = spill_written_bytes_,
          .spill_failures = spill_failures_,
          .overruns = overruns_,
          .lost_messages = lost_messages_,
          .cursors = cursors_.size(),
          .furthest_behind = furthest_behind};
}

}  // namespace nextgen_kernels
