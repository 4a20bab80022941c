#pragma once

// The part of MPI that we use, as a table filled from the installed library when
// it is first asked for. Declared here and not included from mpi.h, so that no
// MPI is needed to build: the binary interface is that of Open MPI 4 and 5, whose
// handles are pointers to symbols of the library.

#include <string>

#include "mlx/distributed/transports/dynamic_library.h"

namespace mlx::core::distributed::mpi {

using Comm = struct ompi_communicator_t*;
using Datatype = struct ompi_datatype_t*;
using Errhandler = struct ompi_errhandler_t*;
using Group = struct ompi_group_t*;
using Request = struct ompi_request_t*;
using Status = struct ompi_status_public_t;

constexpr int kSuccess = 0;
constexpr int kThreadSerialized = 2;
constexpr int kThreadMultiple = 3;
inline Status* const kIgnored = nullptr;

/// Each function returns kSuccess or an error code.
struct Library {
  Function<int*, char***, int, int*> init_thread{"MPI_Init_thread"};
  Function<int*> initialized{"MPI_Initialized"};
  Function<int*> finalized{"MPI_Finalized"};
  Function<> finalize{"MPI_Finalize"};
  Function<int*> query_thread{"MPI_Query_thread"};
  Function<char*, int*> get_library_version{"MPI_Get_library_version"};
  Function<int, char*, int*> error_string{"MPI_Error_string"};

  Function<Comm, int*> comm_rank{"MPI_Comm_rank"};
  Function<Comm, int*> comm_size{"MPI_Comm_size"};
  Function<Comm, Comm*> comm_dup{"MPI_Comm_dup"};
  Function<Comm, Group*> comm_group{"MPI_Comm_group"};
  Function<Comm, Group, int, Comm*> comm_create_group{"MPI_Comm_create_group"};
  Function<Comm, Errhandler> comm_set_errhandler{"MPI_Comm_set_errhandler"};
  Function<Comm*> comm_free{"MPI_Comm_free"};
  Function<Group, int, const int*, Group*> group_incl{"MPI_Group_incl"};
  Function<Group*> group_free{"MPI_Group_free"};

  Function<const void*, int, Datatype, int, int, Comm, Request*> isend{"MPI_Isend"};
  Function<void*, int, Datatype, int, int, Comm, Request*> irecv{"MPI_Irecv"};
  Function<Request*, int*, Status*> test{"MPI_Test"};

  Function<void*, int, Datatype, int, Comm, Request*> ibcast{"MPI_Ibcast"};
  Function<const void*, int, Datatype, void*, const int*, const int*, Datatype, Comm, Request*>
      iallgatherv{"MPI_Iallgatherv"};
  Function<const void*, const int*, const int*, Datatype, void*, const int*, const int*, Datatype,
           Comm, Request*>
      ialltoallv{"MPI_Ialltoallv"};

  Comm world;
  Request no_request;
  Errhandler errors_return;
  Datatype byte;
};

/// The table of that library; an empty name means libmpi.so.40. Null if it is not
/// installed or not an Open MPI; `reason` then says which, as a sentence.
const Library* load(const std::string& name, std::string* reason = nullptr);

}  // namespace mlx::core::distributed::mpi
