// Groups made of a group: its parts, and what is left of it after a failure.

#include <algorithm>
#include <set>

#include "mlx/distributed/group.h"

namespace mlx::core::distributed::detail {

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
  struct Wish {
    int32_t color;
    int32_t key;
    uint32_t next_id;
  };
  std::vector<Wish> wishes;
  std::set<int> colors;
  uint32_t first = 0;
  bool free = false;
  while (!free) {
    wishes = gather_from_all(Wish{color, key == -1 ? rank_ : key, options_.origin->next_id()});
    for (const Wish& wish : wishes) {
      colors.insert(wish.color);
      first = std::max(first, wish.next_id);
    }
    const bool taken =
        options_.origin->take_ids(first, first + static_cast<uint32_t>(colors.size()));
    const auto everywhere = gather_from_all(static_cast<uint8_t>(taken));
    free = std::find(everywhere.begin(), everywhere.end(), 0) == everywhere.end();
  }
  std::vector<int> members;
  for (int rank = 0; rank < size_; ++rank) {
    if (wishes[static_cast<size_t>(rank)].color == color) members.push_back(rank);
  }
  std::stable_sort(members.begin(), members.end(), [&](int a, int b) {
    return wishes[static_cast<size_t>(a)].key < wishes[static_cast<size_t>(b)].key;
  });
  for (int& member : members) member = options_.world_ranks[static_cast<size_t>(member)];
  const auto number = std::distance(colors.begin(), colors.find(color));
  return options_.origin->group(first + static_cast<uint32_t>(number), options_.generation,
                                std::move(members));
}

std::shared_ptr<GroupImpl> GroupImpl::shrink() {
  // Wakes those who have not seen anything fail.
  if (!failure()) abort("it is to shrink");
  Meeting meeting = options_.origin->meet_again(options_.group, options_.world_ranks);
  return options_.origin->group(meeting.group, options_.generation + 1, std::move(meeting.ranks));
}

}  // namespace mlx::core::distributed::detail
