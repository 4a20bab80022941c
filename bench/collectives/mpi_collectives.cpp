// The measurement of mlx-bench-collectives, of an MPI library, on float32:
//
//   mpirun -n 2 build/bin/bench_mpi_collectives --op all_sum

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "report.h"

namespace {

using namespace mlx::bench;

const MPI_Comm kAll = MPI_COMM_WORLD;
const MPI_Datatype kType = MPI_FLOAT;

MPI_Op mpi_op(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return MPI_SUM;
    case Reduction::prod:
      return MPI_PROD;
    case Reduction::min:
      return MPI_MIN;
    default:
      return MPI_MAX;
  }
}

class MpiSystem final : public System {
 public:
  MpiSystem() {
    MPI_Comm_rank(kAll, &rank_);
    MPI_Comm_size(kAll, &ranks_);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  void barrier() override { MPI_Barrier(kAll); }

  void merge(std::span<double> values, Merge how) override {
    MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE,
                  how == Merge::sum ? MPI_SUM : MPI_MAX, kAll);
  }

  std::optional<Call> prepare(const Case& c, std::span<const std::byte> input,
                              std::span<std::byte> output) override {
    const void* in = input.data();
    void* out = output.data();
    const int n = static_cast<int>(c.part_count);
    const MPI_Op op = mpi_op(c.op.reduction);
    switch (c.op.operation) {
      case Operation::all_reduce:
        return Call{[=] { MPI_Allreduce(in, out, n, kType, op, kAll); }};
      case Operation::all_gather:
        return Call{[=] { MPI_Allgather(in, n, kType, out, n, kType, kAll); }};
      case Operation::reduce_scatter:
        return Call{[=] { MPI_Reduce_scatter_block(in, out, n, kType, op, kAll); }};
      case Operation::broadcast:
        return Call{.run = [=] { MPI_Bcast(out, n, kType, 0, kAll); },
                    .load = [=] { std::copy(input.begin(), input.end(), output.begin()); }};
      case Operation::reduce:
        return Call{[=] { MPI_Reduce(in, out, n, kType, op, 0, kAll); }};
      case Operation::gather:
        return Call{[=] { MPI_Gather(in, n, kType, out, n, kType, 0, kAll); }};
      case Operation::scatter:
        return Call{[=] { MPI_Scatter(in, n, kType, out, n, kType, 0, kAll); }};
      case Operation::all_to_all:
        return Call{[=] { MPI_Alltoall(in, n, kType, out, n, kType, kAll); }};
      case Operation::barrier:
        return Call{[] { MPI_Barrier(kAll); }};
      default:
        return Call{[=, next = (rank_ + 1) % ranks_, previous = (rank_ + ranks_ - 1) % ranks_] {
          MPI_Sendrecv(in, n, kType, next, 0, out, n, kType, previous, 0, kAll, MPI_STATUS_IGNORE);
        }};
    }
  }

 private:
  int rank_ = 0;
  int ranks_ = 1;
};

// "Open MPI v4.1.4"
std::string library_name() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<size_t>(length));
  return version.substr(0, version.find(','));
}

int run(const std::vector<std::string>& arguments) {
  const auto request = parse_command_line(
      {.name = "bench_mpi_collectives", .purpose = "Measures the collectives of MPI."}, arguments);
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  MPI_Init(nullptr, nullptr);
  MpiSystem system;
  const int status = measure_and_report(system, library_name(), std::get<Options>(request));
  MPI_Finalize();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_mpi_collectives: %s\n", error.what());
    return 1;
  }
}
