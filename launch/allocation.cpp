#include "mlx/launch/allocation.h"

#include <algorithm>
#include <fstream>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;
using core::require;
using core::throw_invalid;

constexpr size_t kMostHosts = 65'536;
constexpr int kMostNumber = 999'999'999;

std::string text_of(const EnvironmentMap& environment, const char* name) {
  const auto entry = environment.find(name);
  return entry == environment.end() ? "" : entry->second;
}

// Commas inside of brackets separate ranges, not hosts.
std::vector<std::string> split_outside_brackets(const std::string& text) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (const char c : text) {
    if (c == '[') inside = true;
    if (c == ']') inside = false;
    if (c == ',' && !inside) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// "01-03" is 01, 02, 03: as many digits as the first.
void add_range(const std::string& text, std::vector<std::string>& out) {
  const auto ends = split(text, '-');
  const int first = number_in(ends.front(), kMostNumber);
  const int last = number_in(ends.back(), kMostNumber);
  require(ends.size() <= 2 && first >= 0 && last >= first &&
              static_cast<size_t>(last - first) < kMostHosts,
          "not a range of numbers: \"", text, "\"");
  for (int number = first; number <= last; ++number) {
    std::string digits = std::to_string(number);
    const size_t width = ends.front().size();
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    out.push_back(digits);
  }
}

// "a[1-2]b[3,5]" is a1b3, a1b5, a2b3, a2b5.
std::vector<std::string> expand(const std::string& text) {
  const size_t open = text.find('[');
  if (open == text.npos) {
    require(text.find(']') == text.npos, "a bracket that was not opened: \"", text, "\"");
    return {text};
  }
  const size_t close = text.find(']', open);
  require(close != text.npos, "a bracket that is not closed: \"", text, "\"");
  std::vector<std::string> middles, out;
  for (const auto& range : split(text.substr(open + 1, close - open - 1), ',')) {
    add_range(range, middles);
  }
  const auto ends = expand(text.substr(close + 1));
  require(middles.size() * ends.size() <= kMostHosts, "too many hosts: \"", text, "\"");
  for (const auto& middle : middles) {
    for (const auto& end : ends) out.push_back(text.substr(0, open) + middle + end);
  }
  return out;
}

void add_slots(std::vector<Host>& hosts, const std::string& name, int slots) {
  const auto is_it = [&](const Host& host) { return host.name == name; };
  const auto known = std::find_if(hosts.begin(), hosts.end(), is_it);
  if (known != hosts.end()) {
    known->slots += slots;
    return;
  }
  hosts.push_back(parse_host(name));
  hosts.back().slots = slots;
}

// One word for each slot.
std::vector<Host> hosts_of_words(const std::vector<std::string>& words) {
  std::vector<Host> hosts;
  for (const std::string& word : words) add_slots(hosts, word, 1);
  return hosts;
}

std::vector<Host> hosts_of_file(const std::string& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  require(file.good() || file.eof(), "cannot read the file ", path);
  return hosts_of_words(words_of(text));
}

// A Slurm step that runs us several times, rather than once.
void check_step(const EnvironmentMap& environment) {
  const std::string task = text_of(environment, "SLURM_PROCID");
  const int tasks = number_in(text_of(environment, "SLURM_STEP_NUM_TASKS"), kMostNumber);
  if (task.empty() || tasks <= 1) return;
  throw LaunchError(
      LaunchError::kUsage,
      concat("srun started mlx-launch ", tasks, " times, and this is task ", task,
             ": each would start the whole job. Start mlx-launch once, without srun, or the "
             "program itself by srun: it finds its rank. (--hosts localhost starts ranks here.)"));
}

// Slurm tells numbers of processors as tasks where nobody said how many tasks there are.
std::vector<Host> slurm_hosts(const EnvironmentMap& environment, const std::string& nodes) {
  std::vector<Host> hosts;
  for (const std::string& name : expand_slurm_hosts(nodes)) hosts.push_back(parse_host(name));
  const bool tasks_are_said = !text_of(environment, "SLURM_NTASKS").empty() ||
                              !text_of(environment, "SLURM_NTASKS_PER_NODE").empty();
  const std::string tasks = text_of(environment, "SLURM_TASKS_PER_NODE");
  if (!tasks_are_said || tasks.empty()) return hosts;
  const auto counts = expand_slurm_tasks(tasks);
  require(counts.size() == hosts.size(), "SLURM_TASKS_PER_NODE=", tasks, " is for ", counts.size(),
          " hosts, the list has ", hosts.size());
  for (size_t i = 0; i < hosts.size(); ++i) hosts[i].slots = counts[i];
  return hosts;
}

// LSB_MCPU_HOSTS: "a 2 b 4".
std::vector<Host> lsf_hosts(const EnvironmentMap& environment) {
  if (const auto file = text_of(environment, "LSB_DJOB_HOSTFILE"); !file.empty()) {
    return hosts_of_file(file);
  }
  const auto words = words_of(text_of(environment, "LSB_MCPU_HOSTS"));
  if (words.empty()) return hosts_of_words(words_of(text_of(environment, "LSB_HOSTS")));
  std::vector<Host> hosts;
  for (size_t i = 0; i < words.size(); i += 2) {
    const int slots = i + 1 < words.size() ? number_in(words[i + 1], kMostNumber) : -1;
    require(slots > 0, "LSB_MCPU_HOSTS gives no number of slots for ", words[i]);
    add_slots(hosts, words[i], slots);
  }
  return hosts;
}

std::optional<Allocation> read_allocation(const EnvironmentMap& environment, std::string& name) {
  const std::string slurm = text_of(environment, "SLURM_JOB_ID");
  std::string nodes = text_of(environment, "SLURM_JOB_NODELIST");
  if (nodes.empty()) nodes = text_of(environment, "SLURM_NODELIST");
  if (!slurm.empty() && !nodes.empty()) {
    check_step(environment);
    name = concat("job ", slurm, " of Slurm");
    return Allocation{name, Way::srun, slurm_hosts(environment, nodes)};
  }
  if (const std::string file = text_of(environment, "PBS_NODEFILE"); !file.empty()) {
    name = concat("job ", text_of(environment, "PBS_JOBID"), " of PBS");
    return Allocation{name, Way::ssh, hosts_of_file(file)};
  }
  if (const std::string lsf = text_of(environment, "LSB_JOBID"); !lsf.empty()) {
    name = concat("job ", lsf, " of LSF");
    return Allocation{name, Way::ssh, lsf_hosts(environment)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> expand_slurm_hosts(const std::string& text) {
  std::vector<std::string> hosts;
  for (const std::string& part : split_outside_brackets(text)) {
    for (std::string& host : expand(part)) hosts.push_back(std::move(host));
    require(!hosts.empty() && !hosts.back().empty(), "a host without a name: \"", text, "\"");
    require(hosts.size() <= kMostHosts, "too many hosts: \"", text, "\"");
  }
  return hosts;
}

std::vector<int> expand_slurm_tasks(const std::string& text) {
  std::vector<int> counts;
  for (const std::string& part : split(text, ',')) {
    const size_t open = std::min(part.find("(x"), part.size());
    const int count = number_in(part.substr(0, open), kMostNumber);
    int times = 1;
    if (open < part.size()) {
      const bool closed = part.ends_with(')');
      times = closed ? number_in(part.substr(open + 2, part.size() - open - 3), kMostNumber) : -1;
    }
    require(count >= 1 && times >= 1 && counts.size() + static_cast<size_t>(times) <= kMostHosts,
            "not a list of numbers of tasks: \"", text, "\"");
    counts.insert(counts.end(), static_cast<size_t>(times), count);
  }
  return counts;
}

std::optional<Allocation> find_allocation(const EnvironmentMap& environment) {
  std::string name;
  try {
    auto allocation = read_allocation(environment, name);
    if (allocation && allocation->hosts.empty()) throw_invalid("it names no host");
    return allocation;
  } catch (const std::invalid_argument& error) {
    throw LaunchError(LaunchError::kUsage,
                      concat("The list of hosts of ", name.empty() ? "Slurm" : name,
                             " makes no sense: ", error.what(), "."));
  }
}

}  // namespace mlx::launch
