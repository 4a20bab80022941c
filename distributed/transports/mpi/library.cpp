#include "mlx/distributed/transports/mpi/library.h"

#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/dynamic_library.h"

namespace mlx::core::distributed::mpi {
namespace {

void find_functions(DynamicLibrary& loader, Library& l) {
  const auto find = [&](auto&... functions) { (loader.find(functions), ...); };
  find(l.init_thread, l.initialized, l.finalized, l.finalize, l.query_thread, l.get_library_version,
       l.error_string);
  find(l.comm_rank, l.comm_size, l.comm_dup, l.comm_group, l.comm_create_group,
       l.comm_set_errhandler, l.comm_free, l.group_incl, l.group_free);
  find(l.isend, l.irecv, l.test);
  find(l.ibcast, l.iallgatherv, l.ialltoallv);
}

void find_handles(DynamicLibrary& loader, Library& l) {
  loader.find(l.world, "ompi_mpi_comm_world");
  loader.find(l.no_request, "ompi_request_null");
  loader.find(l.errors_return, "ompi_mpi_errors_return");
  loader.find(l.byte, "ompi_mpi_byte");
}

// Other MPIs have other handles. It may be asked for its version before it is initialised.
void check_version(DynamicLibrary& loader, const Library& l) {
  if (!loader.got.empty()) return;
  char text[4096] = "";
  int length = 0;
  l.get_library_version.address(text, &length);
  const std::string_view version(text);
  const bool known = version.starts_with("Open MPI v4.") || version.starts_with("Open MPI v5.");
  if (!known) loader.got = version.substr(0, version.find_first_of(",\n"));
}

struct Loaded {
  std::unique_ptr<Library> library;
  std::string reason;
};

Loaded load_anew(const std::string& name) {
  // Global, since its plug-ins look for its symbols.
  DynamicLibrary loader(name, RTLD_NOW | RTLD_GLOBAL);
  auto library = std::make_unique<Library>();
  find_functions(loader, *library);
  find_handles(loader, *library);
  check_version(loader, *library);
  if (!loader.got.empty()) library.reset();
  return {std::move(library),
          loader.sentence("MPI cannot be loaded", "Open MPI 4 or 5 (MLX_MPI_LIBNAME names it)")};
}

}  // namespace

const Library* load(const std::string& name, std::string* reason) {
  static std::mutex mutex;
  // Never destroyed: groups that end as late as the process does still call it.
  static auto& loaded = *new std::map<std::string, Loaded>;
  const std::lock_guard lock(mutex);
  const std::string file = name.empty() ? "libmpi.so.40" : name;
  auto at = loaded.find(file);
  if (at == loaded.end()) at = loaded.emplace(file, load_anew(file)).first;
  if (reason) *reason = at->second.reason;
  return at->second.library.get();
}

}  // namespace mlx::core::distributed::mpi
