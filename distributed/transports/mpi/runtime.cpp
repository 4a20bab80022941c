#include "mlx/distributed/transports/mpi/runtime.h"

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/patience.h"

// What sanitizers find in Open MPI is said here, in the program, because mpirun
// takes no environment to other hosts.
#ifdef __SANITIZE_THREAD__
// Its TCP module takes two of its locks in one order when it meets a process and in
// the other when it leaves one: the same thread does both, so nobody waits for the other.
extern "C" [[gnu::weak]] const char* __tsan_default_suppressions() {
  return "deadlock:mca_btl_tcp.so\n";
}
#endif
#ifdef __SANITIZE_ADDRESS__
// It does not free all of its memory, and its modules are gone when leaks are looked for.
static bool mpi_was_initialised = false;
extern "C" [[gnu::weak]] int __lsan_is_turned_off() { return mpi_was_initialised; }
#endif

namespace mlx::core::distributed::mpi {
namespace {

// A thread that calls Open MPI moves the messages of all threads. What orders its
// writes and the receiver's reads is within Open MPI, where the thread sanitizer
// sees nothing: under it, calls take turns.
#ifdef __SANITIZE_THREAD__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

std::shared_ptr<Runtime> Runtime::get(const Library& library) {
  // Whoever still uses it at exit keeps it: the last one ends MPI.
  static const std::shared_ptr<Runtime> only(new Runtime(library));
  return only;
}

Runtime::Runtime(const Library& library) : library_(library) {
  const bool many_threads = initialise();
#ifdef __SANITIZE_ADDRESS__
  mpi_was_initialised = true;
#endif
  one_at_a_time_ = !many_threads || kSanitized;
  call(library_.comm_set_errhandler, library_.world, library_.errors_return);
  call(library_.comm_rank, library_.world, &rank_);
  call(library_.comm_size, library_.world, &size_);
  if (size_ == 1) return;
  call(library_.comm_dup, library_.world, &world_);
  call(library_.comm_set_errhandler, world_, library_.errors_return);
}

// Whether several threads may call it at the same time.
bool Runtime::initialise() {
  int done = 0, ended = 0, level = 0;
  call(library_.initialized, &done);
  call(library_.finalized, &ended);
  if (ended) throw DistributedError("[mpi] The program has ended MPI already.");
  if (done) {
    call(library_.query_thread, &level);
  } else {
    call(library_.init_thread, nullptr, nullptr, kThreadMultiple, &level);
    ours_ = true;
  }
  if (level < kThreadSerialized) {
    throw DistributedError(concat("[mpi] MPI leaves its calls to one thread: got thread level ",
                                  level, ", expected MPI_THREAD_SERIALIZED (", kThreadSerialized,
                                  ") or more."));
  }
  return level >= kThreadMultiple;
}

Runtime::~Runtime() {
  int ended = 0;
  library_.finalized.address(&ended);
  if (ended || failed_) return;
  if (world_) library_.comm_free.address(&world_);
  if (ours_) library_.finalize.address();
}

bool Runtime::test(Request& request) {
  int done = 0;
  call(library_.test, &request, &done, kIgnored);
  return done != 0;
}

void Runtime::wait(Request& request, Deadline deadline, std::shared_ptr<void> memory) {
  Patience patience;
  while (!test(request)) {
    if (Clock::now() >= deadline) {
      // Never freed: MPI may still write to it.
      new std::shared_ptr<void>(std::move(memory));
      give_up();
      throw TimeoutError("[mpi] The other ranks have not come to the same call.");
    }
    patience.pause();
  }
}

void Runtime::fail(const char* function, int code) {
  char text[4096] = "";
  int length = 0;
  library_.error_string.address(code, text, &length);
  throw DistributedError(concat("[mpi] ", function, " failed: ", text, " (", code, ")."));
}

}  // namespace mlx::core::distributed::mpi
