#include "journal/spill_block.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace nextgen_kernels {
namespace {

struct Record {
  std::uint32_t audience;
  std::uint32_t epoch;
  std::uint64_t frame_size;
  std::uint64_t origin;
};

struct Counts {
  std::uint64_t entries;
  std::uint64_t origins;
};

struct OriginSizes {
  std::uint32_t cell_id;
  std::uint32_t requester;
};

std::size_t records_size(std::size_t count) {
  return sizeof(Counts) + count * sizeof(Record);
}

template <typename T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void append(std::string& bytes, const T& value) {
  const auto at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

using Origin = std::shared_ptr<const RequestOrigin>;

/// The origins of entries, each once.
class OriginList {
 public:
  explicit OriginList(std::span<const JournalEntry> entries) {
    for (const auto& entry : entries) {
      if (entry.origin != nullptr && numbers_.try_emplace(entry.origin.get(), origins_.size() + 1).second)
        origins_.push_back(entry.origin.get());
    }
  }

  std::uint64_t number_of(const Origin& origin) const {
    return origin == nullptr ? 0 : numbers_.at(origin.get());
  }
  const std::vector<const RequestOrigin*>& origins() const { return origins_; }
  std::size_t size() const {
    std::size_t size = 0;
    for (const auto* origin : origins_)
      size += sizeof(OriginSizes) + origin->cell_id.size() + origin->requester.size();
    return size;
  }

 private:
  std::unordered_map<const RequestOrigin*, std::uint64_t> numbers_;
  std::vector<const RequestOrigin*> origins_;
};

/// Takes the origins from the front of `bytes`; nothing when they are not whole.
std::optional<std::vector<Origin>> take_origins(std::string_view& bytes, std::uint64_t count) {
  std::vector<Origin> origins;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bytes.size() < sizeof(OriginSizes)) return std::nullopt;
    const auto sizes = load<OriginSizes>(bytes.data());
    bytes.remove_prefix(sizeof sizes);
    if (bytes.size() < std::size_t{sizes.cell_id} + sizes.requester) return std::nullopt;
    origins.push_back(std::make_shared<RequestOrigin>(
        RequestOrigin{.cell_id = std::string(bytes.substr(0, sizes.cell_id)),
                      .requester = std::string(bytes.substr(sizes.cell_id, sizes.requester))}));
    bytes.remove_prefix(std::size_t{sizes.cell_id} + sizes.requester);
  }
  return origins;
}

}  // namespace

std::string SpillBlock::encode_table(std::span<const JournalEntry> entries) {
  const OriginList origins(entries);
  std::string table;
  table.reserve(records_size(entries.size()) + origins.size());
  append(table, Counts{.entries = entries.size(), .origins = origins.origins().size()});
  for (const auto& entry : entries) {
    append(table, Record{.audience = std::to_underlying(entry.audience),
                         .epoch = entry.epoch,
                         .frame_size = entry.message->v1_frame().size(),
                         .origin = origins.number_of(entry.origin)});
  }
  for (const auto* origin : origins.origins()) {
    append(table, OriginSizes{.cell_id = static_cast<std::uint32_t>(origin->cell_id.size()),
                              .requester = static_cast<std::uint32_t>(origin->requester.size())});
    table += origin->cell_id;
    table += origin->requester;
  }
  return table;
}

std::size_t SpillBlock::size_of(std::span<const JournalEntry> entries) {
  auto size = records_size(entries.size()) + OriginList(entries).size();
  for (const auto& entry : entries) size += entry.message->v1_frame().size();
  return size;
}

Result<std::vector<JournalEntry>> SpillBlock::parse(const std::shared_ptr<char[]>& bytes, std::size_t size,
                                                    MessageNumber first) {
  const auto damaged = [] {
    return make_error(ErrorCode::protocol, "A block of a kernel's journal on disk is damaged");
  };
  if (size < sizeof(Counts)) return damaged();
  const auto counts = load<Counts>(bytes.get());
  if (counts.entries > (size - sizeof(Counts)) / sizeof(Record)) return damaged();
  std::string_view rest(bytes.get(), size);
  rest.remove_prefix(records_size(counts.entries));
  const auto origins = take_origins(rest, counts.origins);
  if (!origins) return damaged();
  auto at = size - rest.size();
  std::uint64_t named = 0;  // Origins so far.
  std::vector<JournalEntry> entries;
  entries.reserve(counts.entries);
  for (std::uint64_t i = 0; i < counts.entries; ++i) {
    const auto record = load<Record>(bytes.get() + records_size(i));
    if (record.frame_size > size - at) return damaged();
    if (record.origin > std::min<std::uint64_t>(named + 1, origins->size())) return damaged();
    named = std::max(named, record.origin);
    auto message =
        Message::from_v1_frame(std::shared_ptr<char[]>(bytes, bytes.get() + at), record.frame_size);
    if (!message) return std::unexpected(message.error());
    entries.push_back({.message = std::move(*message),
                       .number = first + i,
                       .audience = Audience{record.audience},
                       .epoch = record.epoch,
                       .origin = record.origin == 0 ? nullptr : (*origins)[record.origin - 1]});
    at += record.frame_size;
  }
  if (at != size || named != origins->size()) return damaged();
  return entries;
}

}  // namespace nextgen_kernels
