#include "distributed/nccl/fake_nccl.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/core/dtype.h"
#include "mlx/distributed/reduce.h"

namespace mlx::core::distributed {
inline namespace ranks_of_a_clique {  // named: a handle, whose type has linkage, is made of these

/// A call of one rank that waits for its counterparts.
struct Call {
  enum class Kind { all_reduce, reduce, reduce_scatter, all_gather, broadcast, send, recv } kind;
  const void* in = nullptr;
  void* out = nullptr;
  size_t count = 0;
  nccl::Type type{};
  nccl::Op op{};
  int peer = -1;  // or the root
};

constexpr const char* kNames[] = {"AllReduce", "Reduce", "ReduceScatter", "AllGather",
                                  "Broadcast", "Send",   "Recv"};

bool collective(const Call& call) { return call.kind < Call::Kind::send; }

struct Wish {
  int color;
  int key;
};

/// All ranks of a communicator.
struct Clique {
  std::string id;
  std::vector<std::deque<Call>> pending;
  std::vector<std::vector<Wish>> splits;  // by rank: of each split so far
  int joined = 0;
};

}  // namespace ranks_of_a_clique

/// One rank's end.
struct nccl::ncclComm {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  int looks = 0;              // until the last call has been started
  ncclComm** part = nullptr;  // where the handle goes of the part that is being made
};

namespace {

std::mutex mutex;  // of everything below
testing::FakeNccl behaviour;
std::map<std::string, std::shared_ptr<Clique>> cliques;  // by id
std::map<int, std::vector<std::string>> calls;           // by rank
std::map<nccl::Stream, nccl::Comm> streams;              // what was last started on each
int ids = 0;

// Of the calling thread, between GroupStart and GroupEnd.
thread_local bool grouping = false;
thread_local std::vector<std::pair<nccl::Comm, Call>> grouped;

void write_down(nccl::Comm comm, const std::string& text) { calls[comm->rank].push_back(text); }

nccl::Comm join_clique(const std::string& id, int rank, size_t size) {
  auto& clique = cliques[id];
  if (!clique) clique = std::make_shared<Clique>();
  clique->id = id;
  clique->pending.resize(size);
  clique->splits.resize(size);
  ++clique->joined;
  return new nccl::ncclComm{clique, rank, behaviour.steps};
}

// Makes this rank's part of the split that it has asked for last, once all ranks have.
void progress_split(nccl::Comm comm) {
  if (!comm->part || behaviour.split_hangs) return;
  const auto& all = comm->clique->splits;
  const size_t number = all[static_cast<size_t>(comm->rank)].size() - 1;
  const auto late = [&](const auto& of_rank) { return of_rank.size() <= number; };
  if (std::any_of(all.begin(), all.end(), late)) return;
  const Wish ours = all[static_cast<size_t>(comm->rank)][number];
  size_t size = 0;
  int rank = 0;
  for (size_t other = 0; other < all.size(); ++other) {
    const Wish theirs = all[other][number];
    if (theirs.color != ours.color) continue;
    ++size;
    if (std::pair(theirs.key, static_cast<int>(other)) < std::pair(ours.key, comm->rank)) ++rank;
  }
  *comm->part = join_clique(concat(comm->clique->id, "/", number, "/", ours.color), rank, size);
  comm->part = nullptr;
}

Dtype dtype_of(nccl::Type type) {
  constexpr Dtype kTypes[] = {int8,   uint8,   int32,   uint32,  int64,
                              uint64, float16, float32, float64, bfloat16};
  return kTypes[static_cast<size_t>(type)];
}

Reduction reduction_of(nccl::Op op) {
  constexpr Reduction kOps[] = {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min};
  return kOps[static_cast<size_t>(op)];
}

// The reduction over all ranks of `count` values that start at `offset`.
std::vector<std::byte> reduced(const std::vector<Call>& all, size_t offset, size_t count) {
  const Reducer& reducer = reduce_into(dtype_of(all[0].type), reduction_of(all[0].op));
  std::vector<std::byte> wide(count * reducer.wide_width), out(count * reducer.width);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const auto* in = static_cast<const std::byte*>(all[rank].in) + offset * reducer.width;
    (rank == 0 ? reducer.widen : reducer.fold_wide)(wide.data(), in, count);
  }
  reducer.narrow(out.data(), wide.data(), count);
  return out;
}

void copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memmove(to, from, bytes);
}

void perform(const std::vector<Call>& all) {
  const Call& first = all[0];
  const size_t width = dtype_of(first.type).size(), ranks = all.size();
  switch (first.kind) {
    case Call::Kind::all_reduce:
    case Call::Kind::reduce: {
      const auto result = reduced(all, 0, first.count);
      for (size_t rank = 0; rank < ranks; ++rank) {
        const bool gets =
            first.kind == Call::Kind::all_reduce || static_cast<int>(rank) == first.peer;
        if (gets) copy(all[rank].out, result.data(), result.size());
      }
      break;
    }
    case Call::Kind::reduce_scatter: {
      std::vector<std::vector<std::byte>> parts;
      for (size_t rank = 0; rank < ranks; ++rank) {
        parts.push_back(reduced(all, rank * first.count, first.count));
      }
      for (size_t rank = 0; rank < ranks; ++rank) {
        copy(all[rank].out, parts[rank].data(), parts[rank].size());
      }
      break;
    }
    case Call::Kind::all_gather:
      for (const Call& to : all) {
        for (size_t rank = 0; rank < ranks; ++rank) {
          const size_t bytes = first.count * width;
          copy(static_cast<std::byte*>(to.out) + rank * bytes, all[rank].in, bytes);
        }
      }
      break;
    default:
      for (const Call& to : all) {
        copy(to.out, all[static_cast<size_t>(first.peer)].in, first.count * width);
      }
  }
}

// The first collective of each rank, once all have one.
bool progress_collective(Clique& clique) {
  std::vector<Call> all;
  for (const auto& pending : clique.pending) {
    const auto at = std::find_if(pending.begin(), pending.end(), collective);
    if (at == pending.end()) return false;
    all.push_back(*at);
  }
  perform(all);
  for (auto& pending : clique.pending) {
    pending.erase(std::find_if(pending.begin(), pending.end(), collective));
  }
  return true;
}

bool progress_messages(Clique& clique) {
  for (size_t from = 0; from < clique.pending.size(); ++from) {
    auto& sends = clique.pending[from];
    for (auto send = sends.begin(); send != sends.end(); ++send) {
      if (send->kind != Call::Kind::send) continue;
      auto& recvs = clique.pending[static_cast<size_t>(send->peer)];
      const auto recv = std::find_if(recvs.begin(), recvs.end(), [&](const Call& call) {
        return call.kind == Call::Kind::recv && call.peer == static_cast<int>(from);
      });
      if (recv == recvs.end()) continue;
      copy(recv->out, send->in, send->count);
      send->kind = recv->kind = Call::Kind::broadcast;  // marks both; erased below
      send->peer = recv->peer = -2;
      const auto marked = [](const Call& call) { return call.peer == -2; };
      for (auto& pending : clique.pending) std::erase_if(pending, marked);
      return true;
    }
  }
  return false;
}

int start(nccl::Comm comm, nccl::Stream stream, const Call& call) {
  const std::lock_guard lock(mutex);
  write_down(comm, concat(kNames[static_cast<size_t>(call.kind)], " ", call.count, " of type ",
                          static_cast<int>(call.type), ", op ", static_cast<int>(call.op),
                          call.peer >= 0 ? concat(", peer ", call.peer) : ""));
  streams[stream] = comm;
  if (grouping) {
    grouped.emplace_back(comm, call);
    return nccl::kSuccess;
  }
  comm->clique->pending[static_cast<size_t>(comm->rank)].push_back(call);
  return nccl::kInProgress;
}

using nccl::Comm;
using nccl::Op;
using nccl::Stream;
using nccl::Type;
using Kind = Call::Kind;

nccl::Libraries make_libraries() {
  nccl::Libraries l;
  nccl::Nccl& n = l.nccl;
  n.get_version.address = [](int* version) { return *version = 22809, 0; };
  n.get_unique_id.address = [](nccl::UniqueId* id) {
    const std::lock_guard lock(mutex);
    std::snprintf(id->bytes, sizeof id->bytes, "id %d", ids++);
    return 0;
  };
  n.comm_init.address = [](Comm* comm, int size, nccl::UniqueId id, int rank,
                           nccl::Config* config) {
    const std::lock_guard lock(mutex);
    *comm = join_clique(id.bytes, rank, static_cast<size_t>(size));
    write_down(*comm, concat("CommInit ", size, config->blocking == 0 ? ", does not block" : ""));
    return static_cast<int>(nccl::kInProgress);
  };
  n.comm_split.address = [](Comm comm, int color, int key, Comm* part, nccl::Config* config) {
    const std::lock_guard lock(mutex);
    write_down(comm, concat("CommSplit color ", color, ", key ", key,
                            config->blocking == 0 ? ", does not block" : ""));
    if (comm->rank == behaviour.refuses_split) return 5;
    comm->clique->splits[static_cast<size_t>(comm->rank)].push_back({color, key});
    comm->looks = behaviour.steps;
    comm->part = part;
    *part = nullptr;
    return static_cast<int>(nccl::kInProgress);
  };
  n.comm_get_async_error.address = [](Comm comm, int* error) {
    const std::lock_guard lock(mutex);
    const auto all = static_cast<int>(comm->clique->pending.size());
    progress_split(comm);
    const bool busy =
        behaviour.init_hangs || comm->clique->joined < all || comm->part || comm->looks-- > 0;
    *error = behaviour.async_error;
    if (*error == 0 && busy) *error = nccl::kInProgress;
    return 0;
  };
  n.comm_finalize.address = [](Comm comm) {
    const std::lock_guard lock(mutex);
    write_down(comm, "CommFinalize");
    return static_cast<int>(nccl::kInProgress);
  };
  n.comm_destroy.address = [](Comm comm) {
    const std::lock_guard lock(mutex);
    write_down(comm, "CommDestroy");
    delete comm;
    return 0;
  };
  n.comm_abort.address = [](Comm comm) {
    const std::lock_guard lock(mutex);
    write_down(comm, "CommAbort");
    comm->clique->pending[static_cast<size_t>(comm->rank)].clear();
    delete comm;
    return 0;
  };
  n.group_start.address = [] { return grouping = true, 0; };
  n.group_end.address = [] {
    const std::lock_guard lock(mutex);
    grouping = false;
    for (auto& [comm, call] : grouped) {
      comm->clique->pending[static_cast<size_t>(comm->rank)].push_back(call);
      comm->looks = behaviour.steps;
    }
    if (!grouped.empty()) write_down(grouped[0].first, concat("group of ", grouped.size()));
    grouped.clear();
    return static_cast<int>(nccl::kInProgress);
  };
  n.all_reduce.address = [](const void* in, void* out, size_t count, Type type, Op op, Comm comm,
                            Stream stream) {
    return start(comm, stream, {Kind::all_reduce, in, out, count, type, op});
  };
  n.reduce.address = [](const void* in, void* out, size_t count, Type type, Op op, int root,
                        Comm comm, Stream stream) {
    return start(comm, stream, {Kind::reduce, in, out, count, type, op, root});
  };
  n.reduce_scatter.address = [](const void* in, void* out, size_t count, Type type, Op op,
                                Comm comm, Stream stream) {
    return start(comm, stream, {Kind::reduce_scatter, in, out, count, type, op});
  };
  n.all_gather.address = [](const void* in, void* out, size_t count, Type type, Comm comm,
                            Stream stream) {
    return start(comm, stream, {Kind::all_gather, in, out, count, type, {}});
  };
  n.broadcast.address = [](const void* in, void* out, size_t count, Type type, int root, Comm comm,
                           Stream stream) {
    return start(comm, stream, {Kind::broadcast, in, out, count, type, {}, root});
  };
  n.send.address = [](const void* in, size_t count, Type type, int peer, Comm comm, Stream stream) {
    return start(comm, stream, {Kind::send, in, nullptr, count, type, {}, peer});
  };
  n.recv.address = [](void* out, size_t count, Type type, int peer, Comm comm, Stream stream) {
    return start(comm, stream, {Kind::recv, nullptr, out, count, type, {}, peer});
  };
  n.get_error_string = [](int) { return "remote process exited"; };
  n.get_last_error = [](Comm) { return "a cable is out"; };

  nccl::Cuda& c = l.cuda;
  c.init.address = [](unsigned) { return 0; };
  c.device_get_count.address = [](int* count) { return *count = 2, 0; };
  c.primary_context_retain.address = [](nccl::Context* context, int) {
    return *context = nullptr, 0;
  };
  c.primary_context_release.address = [](int) { return 0; };
  c.context_set_current.address = [](nccl::Context) { return 0; };
  c.stream_create.address = [](Stream* stream, unsigned) {
    *stream = reinterpret_cast<Stream>(new char);
    return 0;
  };
  c.stream_query.address = [](Stream stream) {
    const std::lock_guard lock(mutex);
    const auto at = streams.find(stream);
    if (at == streams.end()) return 0;
    Clique& clique = *at->second->clique;
    while (progress_messages(clique) || progress_collective(clique)) {
    }
    const bool busy = !clique.pending[static_cast<size_t>(at->second->rank)].empty();
    return busy ? nccl::kNotReady : 0;
  };
  c.stream_destroy.address = [](Stream stream) {
    const std::lock_guard lock(mutex);
    streams.erase(stream);
    delete reinterpret_cast<char*>(stream);
    return 0;
  };
  c.pointer_get_attribute.address = [](void* type, int, nccl::DevicePointer) {
    *static_cast<unsigned*>(type) = behaviour.on_host ? 1 : nccl::kDeviceMemory;
    return 0;
  };
  return l;
}

}  // namespace

namespace testing {

FakeNccl& reset_fake_nccl() {
  const std::lock_guard lock(mutex);
  calls.clear();
  cliques.clear();
  behaviour.init_hangs = behaviour.split_hangs = behaviour.on_host = false;
  behaviour.refuses_split = -1;
  behaviour.async_error = 0;
  behaviour.steps = 3;
  return behaviour;
}

const nccl::Libraries& fake_nccl() {
  static const nccl::Libraries libraries = make_libraries();
  return libraries;
}

nccl::Libraries fake_nccl_without_split() {
  nccl::Libraries libraries = make_libraries();
  libraries.nccl.comm_split.address = nullptr;
  return libraries;
}

std::vector<std::string> nccl_calls(int rank) {
  const std::lock_guard lock(mutex);
  return calls[rank];
}

}  // namespace testing
}  // namespace mlx::core::distributed
