// Processors, memory nodes and GPUs, as /proc and /sys show them.

#include <sched.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "mlx/launch/config/files.h"
#include "mlx/launch/config/inspect.h"

namespace mlx::launch::config {
namespace {

// What our kernels or the libraries below them have loops for.
constexpr const char* kFeatures[] = {
    "sse4_2",      "avx",         "avx2",        "fma",      "f16c",     "avx512f",  "avx512bw",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd",
    "asimdhp",     "asimddp",     "bf16",        "i8mm",     "sve",      "sve2",     "sme"};

// The value of "name : value", if the line is about that name.
bool field(const std::string& line, const std::string& name, std::string& value) {
  const size_t colon = line.find(':');
  if (colon == std::string::npos || trimmed(line.substr(0, colon)) != name) return false;
  value = trimmed(line.substr(colon + 1));
  return true;
}

std::vector<std::string> features_in(const std::string& flags) {
  std::set<std::string> all;
  std::istringstream words(flags);
  for (std::string word; words >> word;) all.insert(word);
  std::vector<std::string> known;
  for (const char* name : kFeatures) {
    if (all.count(name)) known.push_back(name);
  }
  return known;
}

int usable_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::vector<NumaNode> nodes_below(const std::string& folder) {
  std::vector<NumaNode> nodes;
  for (const std::string& name : names_in(folder)) {
    if (name.rfind("node", 0) != 0) continue;
    NumaNode node;
    node.number = std::atoi(name.c_str() + 4);
    node.cpus = file_line(folder + "/" + name + "/cpulist");
    for (const std::string& line : lines_of(file_text(folder + "/" + name + "/meminfo"))) {
      const size_t at = line.find("MemTotal:");
      if (at != std::string::npos) node.memory = std::atoll(line.c_str() + at + 9) * 1024;
    }
    nodes.push_back(node);
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const NumaNode& a, const NumaNode& b) { return a.number < b.number; });
  return nodes;
}

std::string vendor_name(const std::string& id) {
  return id == "0x10de" ? "NVIDIA" : id == "0x1002" ? "AMD" : id == "0x8086" ? "Intel" : id;
}

// The driver of NVIDIA knows the model.
std::string nvidia_model(const std::string& root, const std::string& bus) {
  std::string model;
  const std::string file = root + "/proc/driver/nvidia/gpus/" + bus + "/information";
  for (const std::string& line : lines_of(file_text(file))) field(line, "Model", model);
  return model;
}

}  // namespace

Processor inspect_processor(const std::string& root) {
  Processor out;
  std::set<std::pair<std::string, std::string>> cores;
  std::set<std::string> sockets;
  std::string socket = "0", core, flags;
  for (const std::string& line : lines_of(file_text(root + "/proc/cpuinfo"))) {
    std::string number;
    if (field(line, "processor", number)) ++out.threads;
    field(line, "model name", out.model);
    field(line, "flags", flags);
    field(line, "Features", flags);  // so ARM calls them
    if (field(line, "physical id", socket)) sockets.insert(socket);
    if (field(line, "core id", core)) cores.emplace(socket, core);
  }
  out.sockets = std::max<int>(1, static_cast<int>(sockets.size()));
  out.cores = cores.empty() ? out.threads : static_cast<int>(cores.size());
  out.features = features_in(flags);
  out.usable = usable_threads();
  out.nodes = nodes_below(root + "/sys/devices/system/node");
  return out;
}

std::vector<Gpu> inspect_gpus(const std::string& root) {
  std::vector<Gpu> gpus;
  const std::string devices = root + "/sys/bus/pci/devices/";
  for (const std::string& bus : names_in(devices)) {
    const std::string kind = file_line(devices + bus + "/class");
    const std::string vendor = vendor_name(file_line(devices + bus + "/vendor"));
    // Display controllers; of Intel and others most only draw a console.
    const bool display = kind.rfind("0x03", 0) == 0;
    const bool accelerator = kind.rfind("0x12", 0) == 0;
    if (!display && !accelerator) continue;
    if (vendor != "NVIDIA" && vendor != "AMD" && vendor != "Intel") continue;
    Gpu gpu{.name = nvidia_model(root, bus),
            .vendor = vendor,
            .bus = bus,
            .driver = link_name(devices + bus + "/driver")};
    if (gpu.name.empty()) gpu.name = vendor + " " + file_line(devices + bus + "/device");
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

}  // namespace mlx::launch::config
