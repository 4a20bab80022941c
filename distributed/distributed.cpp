#include "mlx/distributed/distributed.h"

#include <map>
#include <mutex>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/distributed/backends.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/transports/memory.h"

namespace mlx::core::distributed {
namespace {

using detail::GroupImpl;

// The groups that init() has made, by backend. A process that found no job for
// a backend is alone there.
struct Cache {
  std::mutex mutex;
  std::map<std::string_view, std::shared_ptr<GroupImpl>> joined;
  std::shared_ptr<GroupImpl> any;    // of the first backend that was joined
  std::shared_ptr<GroupImpl> alone;  // a group of one
};

Cache& cache() {
  static Cache instance;
  return instance;
}

std::shared_ptr<GroupImpl> join_once(Cache& all, const Backend& b) {
  if (const auto at = all.joined.find(b.name); at != all.joined.end()) return at->second;
  if (!b.obstacle().empty()) return nullptr;
  const std::shared_ptr<World> world = b.join();
  if (!world) return nullptr;
  auto group = world->everyone();
  all.joined.emplace(b.name, group);
  if (!all.any) all.any = group;
  return group;
}

std::shared_ptr<GroupImpl> join_any(Cache& all) {
  if (all.any) return all.any;
  for (const Backend& b : backends()) {
    if (!b.for_arrays) continue;
    if (auto group = join_once(all, b)) return group;
  }
  return nullptr;
}

// "any" is the backend that the environment asks for, until another was joined by name.
std::string wanted(const Cache& all, const std::string& bk) {
  if (bk != "any" || all.any) return bk;
  const std::string asked_for = read_environment().backend;
  return asked_for.empty() ? bk : asked_for;
}

std::shared_ptr<GroupImpl> alone(Cache& all) {
  if (!all.alone) {
    detail::GroupOptions options;
    options.world_ranks = {0};
    all.alone = std::make_shared<GroupImpl>(std::move(make_memory_transports(1)[0]), options);
  }
  return all.alone;
}

}  // namespace

bool is_available() { return true; }

bool is_available(const std::string& bk) { return bk == "any" || backend(bk).obstacle().empty(); }

int Group::rank() const { return group_->rank(); }

int Group::size() const { return group_->size(); }

Group Group::split(int color, int key) const {
  return size() == 1 ? Group(group_) : Group(group_->split(color, key));
}

namespace {

void check_limit(const char* op, Milliseconds limit) {
  require(limit.count() > 0, "[", op, "] The limit makes no sense: got ", limit.count(),
          " ms, expected more than 0.");
}

}  // namespace

Group Group::with_timeout(std::chrono::milliseconds limit) const {
  check_limit("with_timeout", limit);
  Group other = *this;
  other.limit_ = limit;
  return other;
}

void Group::set_timeout(std::chrono::milliseconds limit) {
  check_limit("set_timeout", limit);
  group_->set_limit(limit);
}

std::chrono::milliseconds Group::timeout() const { return limit_.value_or(group_->limit()); }

void Group::abort(const std::string& reason) { group_->abort(reason); }

Group Group::shrink() const { return size() == 1 ? Group(group_) : Group(group_->shrink()); }

void monitored_barrier(const Group& group, std::chrono::milliseconds limit) {
  check_limit("monitored_barrier", limit);
  group.raw_group()->monitored_barrier(limit);
}

namespace {

// Why there is no group of this backend, or of any.
std::string why_not(const Backend& b) {
  const std::string obstacle = b.obstacle();
  return obstacle.empty() ? b.no_job() : obstacle;
}

std::string why_not_any() {
  std::string text;
  for (const Backend& b : backends()) {
    text += concat("\n  ", b.name, ": ", why_not(b));
    if (!b.for_arrays) text += " It is joined only by name.";
  }
  return text;
}

}  // namespace

Group init(bool strict, const std::string& name) {
  Cache& all = cache();
  const std::lock_guard lock(all.mutex);
  const std::string bk = wanted(all, name);
  if (auto group = bk == "any" ? join_any(all) : join_once(all, backend(bk))) return Group(group);
  if (strict) {
    throw std::runtime_error(
        bk == "any" ? concat("[init] No backend can be used.", why_not_any())
                    : concat("[init] The backend ", bk, " cannot be used. ", why_not(backend(bk))));
  }
  return Group(alone(all));
}

Group init(bool strict, const std::string& bk, AllGatherFactory) {
  require(bk == "jaccl", "[init] Only jaccl meets through the program: got \"", bk, "\".");
  return init(strict, bk);
}

void clear_backends() {
  // Ended outside the lock: that joins threads.
  std::map<std::string_view, std::shared_ptr<GroupImpl>> joined;
  std::shared_ptr<GroupImpl> any;
  {
    const std::lock_guard lock(cache().mutex);
    joined.swap(cache().joined);
    any.swap(cache().any);
  }
}

}  // namespace mlx::core::distributed
