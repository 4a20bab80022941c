#include "mlx/distributed/transports/rdma/wiring.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed::rdma {
namespace {

using Json = nlohmann::json;

std::optional<std::string> device_of(const Json& cell) {
  if (cell.is_string()) return cell.get<std::string>();
  if (cell.is_array() && !cell.empty() && cell[0].is_string()) return cell[0].get<std::string>();
  require(cell.is_null() || (cell.is_array() && cell.empty()),
          "[rdma] A cell of MLX_IBV_DEVICES makes no sense: got ", cell.dump(),
          ", expected null, a device's name or a list of names.");
  return {};
}

Json read_matrix(const std::string& path, int ranks) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error(
        concat("[rdma] Cannot read the file that MLX_IBV_DEVICES names: got ", path, "."));
  }
  Json matrix = Json::parse(file, nullptr, false);
  const auto is_row = [ranks](const Json& j) {
    return j.is_array() && j.size() == static_cast<size_t>(ranks);
  };
  require(is_row(matrix) && std::all_of(matrix.begin(), matrix.end(), is_row),
          "[rdma] MLX_IBV_DEVICES is no matrix of the ranks: expected ", ranks, " rows of ", ranks,
          " cells in ", path, ".");
  return matrix;
}

}  // namespace

Wiring::Wiring(const Environment& e) : ranks_(e.world_size), ring_(e.jaccl_ring) {
  if (e.ibv_devices.empty()) return;
  for (const Json& row : read_matrix(e.ibv_devices, ranks_)) {
    auto& devices = rows_.emplace_back();
    for (const Json& cell : row) devices.push_back(device_of(cell));
  }
}

bool Wiring::neighbours(int a, int b) const {
  const int apart = std::abs(a - b);
  return apart == 1 || apart == ranks_ - 1;
}

std::optional<std::string> Wiring::device(int from, int to) const {
  if (ring_ && !neighbours(from, to)) return {};
  if (rows_.empty()) return "";
  const auto at = [this](int i, int j) -> const std::optional<std::string>& {
    return rows_[static_cast<size_t>(i)][static_cast<size_t>(j)];
  };
  return at(to, from) ? at(from, to) : std::nullopt;
}

bool Wiring::complete() const {
  for (int a = 0; a < ranks_; ++a) {
    for (int b = 0; b < a; ++b) {
      if (!device(a, b)) return false;
    }
  }
  return true;
}

}  // namespace mlx::core::distributed::rdma
