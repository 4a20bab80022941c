#include "mlx/distributed/bootstrap/errors.h"

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {

DistributedError::DistributedError(const std::string& message, Circumstances where)
    : std::runtime_error(message), where_(std::move(where)) {}

void throw_failure(const Failure& failure, Circumstances where) {
  std::string message = concat("[", where.operation, "] ", failure.text, " (seen by rank ",
                               where.rank, " in #", where.number, " ", where.operation, " of ",
                               where.bytes, " bytes, after ", where.elapsed.count(), " ms).");
  const bool everybody = failure.rank < 0;
  const bool involved = everybody || where.rank == failure.rank || where.rank == failure.reporter;
  where.peer = everybody || where.rank == failure.rank ? failure.reporter : failure.rank;
  if (where.peer == where.rank) where.peer = -1;
  switch (failure.kind) {
    case Failure::Kind::lost:
    case Failure::Kind::left:
      throw PeerLostError(message, std::move(where));
    case Failure::Kind::desync:
      if (involved) throw DesyncError(message, std::move(where));
      break;
    case Failure::Kind::timeout:
      if (where.rank == failure.reporter) throw TimeoutError(message, std::move(where));
      break;
    case Failure::Kind::aborted:
      break;
  }
  throw AbortedError(message, std::move(where));
}

}  // namespace mlx::core::distributed
