#include "journal/spill.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "journal/spill_block.h"

namespace nextgen_kernels {
namespace {

std::vector<std::string_view> pieces_of(std::string_view table, const std::vector<JournalEntry>& entries) {
  std::vector<std::string_view> pieces = {table};
  for (const auto& entry : entries) {
    const auto frame = entry.message->v1_frame();
    // Frames of messages that arrived together lie side by side: fewer pieces.
    if (pieces.back().data() + pieces.back().size() == frame.data())
      pieces.back() = {pieces.back().data(), pieces.back().size() + frame.size()};
    else
      pieces.push_back(frame);
  }
  return pieces;
}

Result<std::vector<JournalEntry>> read_block(const SpillFile& file, std::uint64_t offset, std::uint64_t size,
                                             MessageNumber first) {
  const auto bytes = std::make_shared_for_overwrite<char[]>(size);
  if (auto read = file.read(offset, {bytes.get(), size}); !read) return std::unexpected(read.error());
  return SpillBlock::parse(bytes, size, first);
}

}  // namespace

Spill::Spill(std::shared_ptr<JournalServices> services, std::uint64_t limit)
    : services_(std::move(services)),
      limit_(limit),
      file_(std::make_shared<SpillFile>(services_->spill_directory)) {}

void Spill::write(Entries entries) {
  const Block block{.numbers = {entries->front().number, entries->back().number},
                    .size = SpillBlock::size_of(*entries),
                    .loaded = {}};
  writing_ = true;
  if (block.size <= limit_) make_room(block.size);
  auto result = std::make_shared<Result<void>>();
  services_->run_write(
      [file = file_, entries = std::move(entries), offset = next_offset_, size = block.size, limit = limit_,
       result] {
        if (size > limit) {
          *result = make_error(ErrorCode::resource_limit,
                               "{} bytes are more than KernelJournal.spill_limit_bytes", size);
          return;
        }
        const auto table = SpillBlock::encode_table(*entries);
        *result = file->write(offset, pieces_of(table, *entries));
      },
      [this, alive = std::weak_ptr(alive_), block, result]() mutable {
        if (!alive.expired()) finish_write(std::move(block), std::move(*result));
      });
}

void Spill::finish_write(Block block, Result<void> result) {
  writing_ = false;
  if (result) {
    block.offset = next_offset_;
    next_offset_ += block.size;
    bytes_ += block.size;
    messages_ += block.numbers.count();
    blocks_.push_back(std::move(block));
  }
  on_written(std::move(result));
}

void Spill::make_room(std::uint64_t size) {
  if (next_offset_ + size > limit_) next_offset_ = 0;
  const auto overlaps = [this, size](const Block& block) {
    return block.offset < next_offset_ + size && next_offset_ < block.offset + block.size;
  };
  // With those before them, which are older: what is left has no hole.
  const auto last = std::find_if(blocks_.rbegin(), blocks_.rend(), overlaps);
  for (auto count = blocks_.rend() - last; count > 0; --count) drop_front();
}

void Spill::drop_front() {
  bytes_ -= blocks_.front().size;
  messages_ -= blocks_.front().numbers.count();
  blocks_.pop_front();
}

Spill::Blocks::const_iterator Spill::block_of(MessageNumber number) const {
  const auto block =
      std::ranges::lower_bound(blocks_, number, {}, [](const Block& b) { return b.numbers.last; });
  return block != blocks_.end() && block->numbers.first <= number ? block : blocks_.end();
}

std::optional<MessageNumber> Spill::next_after(MessageNumber number) const {
  const auto block =
      std::ranges::lower_bound(blocks_, number, {}, [](const Block& b) { return b.numbers.last; });
  if (block == blocks_.end()) return std::nullopt;
  return std::max(number, block->numbers.first);
}

Spill::Entries Spill::find(MessageNumber number) const {
  const auto block = block_of(number);
  return block == blocks_.end() ? nullptr : block->loaded.lock();
}

void Spill::load(MessageNumber number) {
  const auto found = block_of(number);
  if (found == blocks_.end()) return;
  auto& block = blocks_[static_cast<std::size_t>(found - blocks_.begin())];
  if (std::exchange(block.loading, true)) return;
  auto result = std::make_shared<Result<std::vector<JournalEntry>>>();
  services_->run_read([file = file_, offset = block.offset, size = block.size, first = block.numbers.first,
                       result] { *result = read_block(*file, offset, size, first); },
                      [this, alive = std::weak_ptr(alive_), block, result] {
                        if (!alive.expired()) finish_load(block, std::move(*result));
                      });
}

void Spill::finish_load(const Block& block, Result<std::vector<JournalEntry>> entries) {
  const auto numbers = block.numbers;
  Entries loaded;
  // Unless its place was taken meanwhile; then there may be anything in what was read.
  if (const auto found = block_of(numbers.first); found != blocks_.end()) {
    const auto index = found - blocks_.begin();
    blocks_[static_cast<std::size_t>(index)].loading = false;
    if (entries) {
      loaded = std::make_shared<const std::vector<JournalEntry>>(std::move(*entries));
      blocks_[static_cast<std::size_t>(index)].loaded = loaded;
    } else {
      log_error("Messages {} to {} of a kernel's journal are lost: {}", numbers.first, numbers.last,
                entries.error().message);
      bytes_ -= found->size;
      messages_ -= numbers.count();
      blocks_.erase(found);
    }
  }
  on_loaded(numbers);  // Those who waited take hold of what was loaded.
}

}  // namespace nextgen_kernels
