#include "journal/spill_block.h"

#include <cstring>
#include <string_view>
#include <utility>

namespace nextgen_kernels {
namespace {

struct Record {
  std::uint32_t audience;
  std::uint32_t epoch;
  std::uint64_t frame_size;
};

using Count = std::uint64_t;

std::size_t table_size(std::size_t count) {
  return sizeof(Count) + count * sizeof(Record);
}

template <typename T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

std::string SpillBlock::encode_table(std::span<const JournalEntry> entries) {
  std::string table(table_size(entries.size()), '\0');
  const Count count = entries.size();
  std::memcpy(table.data(), &count, sizeof count);
  auto* to = table.data() + sizeof count;
  for (const auto& entry : entries) {
    const Record record{.audience = std::to_underlying(entry.audience),
                        .epoch = entry.epoch,
                        .frame_size = entry.message->v1_frame().size()};
    std::memcpy(to, &record, sizeof record);
    to += sizeof record;
  }
  return table;
}

std::size_t SpillBlock::size_of(std::span<const JournalEntry> entries) {
  auto size = table_size(entries.size());
  for (const auto& entry : entries) size += entry.message->v1_frame().size();
  return size;
}

Result<std::vector<JournalEntry>> SpillBlock::parse(const std::shared_ptr<char[]>& bytes, std::size_t size,
                                                    MessageNumber first) {
  const auto damaged = [] {
    return make_error(ErrorCode::protocol, "A block of a kernel's journal on disk is damaged");
  };
  if (size < sizeof(Count)) return damaged();
  const auto count = load<Count>(bytes.get());
  if (count > (size - sizeof(Count)) / sizeof(Record)) return damaged();
  auto at = table_size(count);
  std::vector<JournalEntry> entries;
  entries.reserve(count);
  for (Count i = 0; i < count; ++i) {
    const auto record = load<Record>(bytes.get() + table_size(i));
    if (record.frame_size > size - at) return damaged();
    auto message =
        Message::from_v1_frame(std::shared_ptr<char[]>(bytes, bytes.get() + at), record.frame_size);
    if (!message) return std::unexpected(message.error());
    entries.push_back({.message = std::move(*message),
                       .number = first + i,
                       .audience = Audience{record.audience},
                       .epoch = record.epoch});
    at += record.frame_size;
  }
  if (at != size) return damaged();
  return entries;
}

}  // namespace nextgen_kernels
