// Groups made of a group: its parts, and what is left of it after a failure.

#include <algorithm>
#include <set>

#include "mlx/distributed/group.h"

namespace mlx::core::distributed::detail {
namespace {

// What a rank brings to a split.
struct Wish {
  int32_t color;
  int32_t key;
  uint32_t next_id;
  uint32_t can_split;
};

std::set<int> colors_of(const std::vector<Wish>& wishes) {
  std::set<int> colors;
  for (const Wish& wish : wishes) colors.insert(wish.color);
  return colors;
}

// Its color counts the colors below it: libraries want no negative ones. The
// members are still ranks of the group that is split.
Part part_of(const std::vector<Wish>& wishes, int rank, uint32_t first_id) {
  const auto wish_of = [&](int member) { return wishes[static_cast<size_t>(member)]; };
  const int color = wish_of(rank).color;
  std::vector<int> members;
  for (int other = 0; other < static_cast<int>(wishes.size()); ++other) {
    if (wish_of(other).color == color) members.push_back(other);
  }
  std::stable_sort(members.begin(), members.end(),
                   [&](int a, int b) { return wish_of(a).key < wish_of(b).key; });
  const std::set<int> colors = colors_of(wishes);
  const auto number = std::distance(colors.begin(), colors.find(color));
  const auto place = std::find(members.begin(), members.end(), rank) - members.begin();
  return {first_id + static_cast<uint32_t>(number), static_cast<int>(number),
          static_cast<int>(place), std::move(members)};
}

}  // namespace

template <typename T>
std::vector<T> GroupImpl::gather_from_all(const T& mine) {
  std::vector<T> all(static_cast<size_t>(size_));
  run({.operation = Operation::all_gather,
       .in = std::as_bytes(std::span(&mine, 1)),
       .out = std::as_writable_bytes(std::span(all))});
  return all;
}

// Groups with a rank in common need different ids. Nobody hands them out: each
// color takes one above all that its ranks have used. Where another thread has
// just used one of them, all ranks try again.
std::shared_ptr<GroupImpl> GroupImpl::split(int color, int key) {
  std::vector<Wish> wishes;
  uint32_t first = 0;
  bool free = false;
  while (!free) {
    wishes = gather_from_all(
        Wish{color, key == -1 ? rank_ : key, options_.origin->next_id(), transport_->can_split()});
    for (const Wish& wish : wishes) first = std::max(first, wish.next_id);
    const auto end = first + static_cast<uint32_t>(colors_of(wishes).size());
    const auto everywhere =
        gather_from_all(static_cast<uint8_t>(options_.origin->take_ids(first, end)));
    free = std::find(everywhere.begin(), everywhere.end(), 0) == everywhere.end();
  }
  Part part = part_of(wishes, rank_, first);
  for (int& member : part.world_ranks) member = options_.world_ranks[static_cast<size_t>(member)];
  const bool by_transport =
      std::all_of(wishes.begin(), wishes.end(), [](const Wish& wish) { return wish.can_split; });
  auto transport = by_transport ? split_transport(part) : nullptr;
  return options_.origin->group(part.group, options_.generation, std::move(part.world_ranks),
                                std::move(transport));
}

std::shared_ptr<GroupImpl> GroupImpl::shrink() {
  // Wakes those who have not seen anything fail.
  if (!failure()) abort("it is to shrink");
  Meeting meeting = options_.origin->meet_again(options_.group, options_.world_ranks);
  return options_.origin->group(meeting.group, options_.generation + 1, std::move(meeting.ranks),
                                nullptr);
}

}  // namespace mlx::core::distributed::detail
