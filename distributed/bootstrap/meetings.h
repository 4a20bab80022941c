#pragma once

// Who meets again after a failure: the ranks of a group that still are in the
// job. A meeting is complete when all of those have come; who dies meanwhile is
// no longer waited for. No input or output happens here.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mlx::core::distributed {

/// Who has met, in the order in which the meeting was called, and an id for
/// their group that no other group of the job has.
struct Meeting {
  uint32_t group = 0;
  std::vector<int> ranks;
};

class Meetings {
 public:
  /// Ids from here on are given to groups whose ranks have met.
  static constexpr uint32_t kFirstGroup = 1u << 24;

  /// The name of the meeting of the ranks of that group.
  static std::string key(uint32_t group, const std::vector<int>& ranks);
  /// Empty when the text tells who has not come.
  static std::optional<Meeting> read_answer(std::string_view text);

  using Present = std::function<bool(int rank)>;
  using Tell = std::function<void(int rank, const std::string& key, const std::string& answer)>;
  /// `present` says who is in the job; `tell` passes an answer on.
  Meetings(Present present, Tell tell) : present_(std::move(present)), tell_(std::move(tell)) {}

  /// A rank asks to meet. A key that makes no sense is ignored.
  void come(int rank, const std::string& key);
  /// It no longer waits, and is told who has not come.
  void leave(int rank, const std::string& key);
  /// Somebody is no longer present.
  void look_again();

 private:
  struct Guests {
    std::vector<int> invited;
    std::set<int> here;
    std::set<int> left;  // had come
  };

  std::vector<int> awaited(const Guests& guests) const;
  bool complete(const std::string& key, const Guests& guests);

  const Present present_;
  const Tell tell_;
  std::map<std::string, Guests> open_;
  uint32_t next_group_ = kFirstGroup;
};

}  // namespace mlx::core::distributed
