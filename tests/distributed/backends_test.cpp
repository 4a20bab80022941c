// What init() says when there is no group: which library, device, launcher or
// variable is missing.

#include "mlx/distributed/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "error_of.h"
#include "mlx/distributed/distributed.h"
#include "mlx/distributed/transports/dynamic_library.h"

namespace mlx::core::distributed {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a strict init() throws, with the variable set.
std::string refusal_of(const std::string& backend, const char* variable = "MLX_UNKNOWN",
                       const char* value = "") {
  setenv(variable, value, 1);
  const std::string text = error_of<std::runtime_error>([&] { init(true, backend); });
  unsetenv(variable);
  return text;
}

TEST(Backends, SayWhatIsMissingInTheEnvironment) {
  const std::string ring = "[init] The backend ring cannot be used. ";
  EXPECT_THAT(refusal_of("ring"), AllOf(StartsWith(ring + "The environment describes no job: got "),
                                        HasSubstr("MLX_RENDEZVOUS"), HasSubstr("mlx-launch")));
  EXPECT_THAT(refusal_of("ring", "MLX_RENDEZVOUS", "127.0.0.1:7"),
              AllOf(StartsWith(ring + "The job has no other rank: got 1 by MLX_WORLD_SIZE"),
                    EndsWith("expected 2 or more.")));
}

TEST(Backends, SayWhichLibraryOfMpiCannotBeLoadedAndWhy) {
  EXPECT_EQ(refusal_of("mpi", "MLX_MPI_LIBNAME", "no-such-mpi.so"),
            "[init] The backend mpi cannot be used. MPI cannot be loaded: got no-such-mpi.so: "
            "cannot open shared object file: No such file or directory, expected Open MPI 4 or 5 "
            "(MLX_MPI_LIBNAME names it).");
  EXPECT_THAT(refusal_of("mpi", "MLX_MPI_LIBNAME", "libc.so.6"),
              HasSubstr("got no MPI_Init_thread in libc.so.6, expected Open MPI"));
  setenv("MLX_MPI_LIBNAME", "no-such-mpi.so", 1);
  EXPECT_FALSE(is_available("mpi"));
  unsetenv("MLX_MPI_LIBNAME");
}

TEST(Backends, SayThatNoLauncherOfMpiStartedTheProcess) {
  EXPECT_THAT(backend("mpi").no_job(), StartsWith("No launcher of MPI started this process: got "
                                                  "none of OMPI_COMM_WORLD_SIZE, PMIX_RANK"));
  setenv("PMIX_RANK", "0", 1);
  EXPECT_THAT(backend("mpi").no_job(), StartsWith("The job of MPI has no other rank"));
  unsetenv("PMIX_RANK");
}

// Whatever this machine has.
TEST(Backends, AreAvailableOrSayWhyNot) {
  for (const Backend& b : backends()) {
    const std::string name(b.name), obstacle = b.obstacle();
    EXPECT_EQ(is_available(name), obstacle.empty());
    EXPECT_EQ(refusal_of(name), concat("[init] The backend ", name, " cannot be used. ",
                                       obstacle.empty() ? b.no_job() : obstacle));
    if (!obstacle.empty()) {
      EXPECT_THAT(obstacle, AllOf(HasSubstr(": got "), HasSubstr(", expected "), EndsWith(".")));
    }
  }
  EXPECT_EQ(backend("jaccl").name, "rdma");
}

TEST(Backends, AreAllListedWhereNoneHasAJob) {
  const std::string error = refusal_of("any");
  EXPECT_THAT(error, StartsWith("[init] No backend can be used.\n  nccl: "));
  for (const Backend& b : backends()) {
    const std::string obstacle = b.obstacle();
    EXPECT_THAT(error,
                HasSubstr(concat("\n  ", b.name, ": ", obstacle.empty() ? b.no_job() : obstacle)));
  }
}

TEST(Backends, AreOneWhereTheEnvironmentAsksForIt) {
  EXPECT_THAT(refusal_of("any", "MLX_BACKEND", "ring"),
              StartsWith("[init] The backend ring cannot be used. "));
  EXPECT_THAT(refusal_of("rdma", "MLX_BACKEND", "ring"), HasSubstr("The backend rdma cannot"));
  EXPECT_THAT(refusal_of("any", "MLX_BACKEND", "any"), HasSubstr("No backend can be used"));
}

TEST(DynamicLibrary, NamesTheFirstFunctionThatItLacks) {
  DynamicLibrary library("libc.so.6", RTLD_NOW);
  Function<const char*> there{"puts"}, late{"no_such_function"}, lost{"another_one"};
  library.find(there);
  library.find_if_there(late);
  EXPECT_NE(there.address, nullptr);
  EXPECT_EQ(late.address, nullptr);
  EXPECT_EQ(library.sentence("It is useless", "a C library"), "");
  library.find(late);
  library.find(lost);
  EXPECT_EQ(library.sentence("It is useless", "a C library"),
            "It is useless: got no no_such_function in libc.so.6, expected a C library.");
}

}  // namespace
}  // namespace mlx::core::distributed
