#pragma once

// Lets one call at a time into a group, in the order in which turns were
// reserved: the program's, whatever the streams on which the calls run.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

namespace mlx::core::distributed {

class Turnstile {
 public:
  /// The next turn; each must leave. Not 0.
  uint64_t reserve();

  /// Waits until all earlier turns have left, or for nothing once it is open.
  /// Whether it had to wait.
  bool enter(uint64_t turn);
  /// Also for a turn that has not come and will not be used; a second time is nothing.
  void leave(uint64_t turn);

  /// Nobody waits any longer: who enters finds that the group has failed.
  void open();

  /// Enters, and leaves at the end of the scope. 0: reserves a turn first.
  class Pass {
   public:
    Pass(Turnstile& turnstile, uint64_t turn)
        : turnstile_(turnstile),
          turn_(turn != 0 ? turn : turnstile.reserve()),
          waited_(turnstile_.enter(turn_)) {}
    ~Pass() { turnstile_.leave(turn_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

    bool waited() const { return waited_; }

   private:
    Turnstile& turnstile_;
    const uint64_t turn_;
    const bool waited_;
  };

 private:
  std::atomic<uint64_t> reserved_ = 0;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::atomic<uint64_t> current_ = 1;  // changes by mutex_
  std::set<uint64_t> left_;            // by mutex_: before their turn had come
  bool open_ = false;                  // by mutex_
};

}  // namespace mlx::core::distributed
