#include "mlx/launch/hostfile.h"

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mlx/core/base/error.h"
#include "mlx/launch/backend_name.h"
#include "mlx/launch/error.h"
#include "mlx/launch/located_json.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;
using JsonKind = JsonValue::Kind;

// A value and how one gets there: "hosts[2].port".
struct Field {
  const JsonValue& value;
  std::string name;

  Field item(size_t i) const { return {value.items[i], concat(name, "[", i, "]")}; }
  Field member(const std::string& key, const JsonValue& of) const {
    return {of, name.empty() ? key : concat(name, ".", key)};
  }
};

class HostfileReader {
 public:
  explicit HostfileReader(const std::string& path) : path_(path) {}

  Hostfile read(const JsonValue& root) {
    Hostfile out;
    if (root.kind == JsonKind::list) {
      read_hosts({root, "hosts"}, out);
    } else {
      const Field all{root, ""};
      expect(all, JsonKind::object, "a list of hosts, or an object with \"hosts\"");
      for_members(all, {{"backend", [&](const Field& f) { out.backend = backend(f); }},
                        {"envs", [&](const Field& f) { out.environment = envs(f); }},
                        {"hosts", [&](const Field& f) { read_hosts(f, out); }}});
      if (!root.find("hosts")) fail(root.line, "\"hosts\" is missing");
    }
    return out;
  }

 private:
  using Handler = std::function<void(const Field&)>;
  using Handlers = std::vector<std::pair<std::string, Handler>>;

  [[noreturn]] void fail(int line, const std::string& what) const {
    throw LaunchError(LaunchError::kUsage, concat(path_, ":", line, ": ", what, "."));
  }
  [[noreturn]] void fail(const Field& field, const std::string& expected) const {
    const std::string place = field.name.empty() ? "" : field.name + ": ";
    fail(field.value.line, concat(place, "got ", field.value.shown(), ", expected ", expected));
  }
  void expect(const Field& field, JsonKind kind, const std::string& expected) const {
    if (field.value.kind != kind) fail(field, expected);
  }

  void for_members(const Field& object, const Handlers& handlers) const {
    for (const auto& [key, value] : object.value.members) {
      const Field field = object.member(key, value);
      const auto is_key = [&](const auto& handler) { return handler.first == key; };
      const auto handler = std::find_if(handlers.begin(), handlers.end(), is_key);
      if (handler == handlers.end()) {
        std::vector<std::string> names;
        for (const auto& known : handlers) names.push_back(known.first);
        fail(value.line,
             concat(field.name, ": no such field, expected one of ", join(names, ", ")));
      }
      handler->second(field);
    }
  }

  std::string text(const Field& field, const std::string& expected) const {
    expect(field, JsonKind::text, expected);
    if (field.value.text.empty() || field.value.text.find('\0') != std::string::npos) {
      fail(field, expected);
    }
    return field.value.text;
  }

  int number(const Field& field, int most) const {
    const int number =
        field.value.kind == JsonKind::number ? number_in(field.value.text, most) : -1;
    if (number < 1) fail(field, concat("a number from 1 to ", most));
    return number;
  }

  std::string backend(const Field& field) const {
    const std::string expected = concat("one of ", backend_names());
    std::string name = text(field, expected);
    if (!is_backend_name(name)) fail(field, expected);
    return name;
  }

  Variables envs(const Field& field) const {
    const std::string expected = "a list of \"NAME=VALUE\"";
    expect(field, JsonKind::list, expected);
    Variables out;
    for (size_t i = 0; i < field.value.items.size(); ++i) {
      const Field item = field.item(i);
      try {
        out.push_back(parse_variable(text(item, "\"NAME=VALUE\"")));
      } catch (const std::invalid_argument&) {
        fail(item, "\"NAME=VALUE\"");
      }
    }
    return out;
  }

  Variables env(const Field& field) const {
    expect(field, JsonKind::object, "an object of names and texts");
    Variables out;
    for (const auto& [name, value] : field.value.members) {
      const Field variable = field.member(name, value);
      if (name.empty() || name.find_first_of(std::string("=\0", 2)) != name.npos) {
        fail(value.line, concat(field.name, ": \"", name, "\" cannot name a variable"));
      }
      expect(variable, JsonKind::text, "a text");
      if (value.text.find('\0') != value.text.npos) fail(variable, "a text without zero bytes");
      out.emplace_back(name, value.text);
    }
    return out;
  }

  std::vector<std::string> ips(const Field& field) const {
    expect(field, JsonKind::list, "a list of addresses");
    std::vector<std::string> out;
    for (size_t i = 0; i < field.value.items.size(); ++i) {
      const std::string expected = "an IPv4 or IPv6 address";
      out.push_back(text(field.item(i), expected));
      if (!is_address(out.back())) fail(field.item(i), expected);
    }
    return out;
  }

  // Device names to each rank.
  std::vector<std::vector<std::string>> rdma(const Field& field) const {
    const std::string expected = "null, the name of a device, or a list of names";
    expect(field, JsonKind::list, "a list with an entry for each host");
    std::vector<std::vector<std::string>> row;
    for (size_t i = 0; i < field.value.items.size(); ++i) {
      const Field entry = field.item(i);
      auto& devices = row.emplace_back();
      if (entry.value.kind == JsonKind::null) continue;
      if (entry.value.kind != JsonKind::list) {
        devices.push_back(text(entry, expected));
        continue;
      }
      for (size_t k = 0; k < entry.value.items.size(); ++k) {
        devices.push_back(text(entry.item(k), "the name of a device"));
      }
    }
    return row;
  }

  void set_name(const Field& field, Host& host) const {
    try {
      Host named = parse_host(text(field, "the name or address of a host"));
      host.name = named.name;
      if (!named.user.empty()) host.user = named.user;
    } catch (const std::invalid_argument& error) {
      fail(field.value.line, concat(field.name, ": ", error.what()));
    }
  }

  Host host(const Field& field) const {
    Host out;
    if (field.value.kind == JsonKind::text) {
      set_name(field, out);
      return out;
    }
    expect(field, JsonKind::object, "the name of a host, or an object with \"ssh\"");
    for_members(field, {{"ssh", [&](const Field& f) { set_name(f, out); }},
                        {"ips", [&](const Field& f) { out.ips = ips(f); }},
                        {"rdma", [&](const Field& f) { out.rdma = rdma(f); }},
                        {"user", [&](const Field& f) { out.user = user(f); }},
                        {"port", [&](const Field& f) { out.port = number(f, kMostPort); }},
                        {"identity",
                         [&](const Field& f) { out.identity = text(f, "the path of a key file"); }},
                        {"slots", [&](const Field& f) { out.slots = number(f, kMostRanks); }},
                        {"env", [&](const Field& f) { out.environment = env(f); }}});
    const JsonValue* name = field.value.find("ssh");
    if (!name) fail(field.value.line, concat(field.name, ": \"ssh\" is missing"));
    if (name->text.find('@') != std::string::npos && field.value.find("user")) {
      fail(name->line, concat(field.name, ": a user is named by \"ssh\" and by \"user\""));
    }
    return out;
  }

  // As in "user@name".
  std::string user(const Field& field) const {
    const std::string name = text(field, "the name of a user");
    try {
      return parse_host(name + "@host").user;
    } catch (const std::invalid_argument&) {
      fail(field, "the name of a user");
    }
  }

  void read_hosts(const Field& field, Hostfile& out) const {
    expect(field, JsonKind::list, "a list of hosts");
    if (field.value.items.empty()) fail(field, "at least one host");
    for (size_t i = 0; i < field.value.items.size(); ++i) out.hosts.push_back(host(field.item(i)));
    check_rdma(field, out.hosts);
  }

  // All hosts have a row or none has; each row has an entry for each host, or for
  // each slot of each host; none leads from a host to itself.
  void check_rdma(const Field& field, const std::vector<Host>& hosts) const {
    const auto has_row = [](const Host& h) { return !h.rdma.empty(); };
    if (std::none_of(hosts.begin(), hosts.end(), has_row)) return;
    size_t slots = 0;
    for (const Host& h : hosts) slots += static_cast<size_t>(h.slots);
    const size_t width = std::find_if(hosts.begin(), hosts.end(), has_row)->rdma.size();
    const bool by_slot = width != hosts.size();
    size_t column = 0;
    for (size_t i = 0; i < hosts.size(); ++i) {
      const Field host = field.item(i);
      const JsonValue* row = host.value.find("rdma");
      const int line = row ? row->line : host.value.line;
      const size_t length = hosts[i].rdma.size(), own = by_slot ? size_t(hosts[i].slots) : 1;
      if (length != width || (by_slot && length != slots)) {
        fail(line,
             concat(host.name, ".rdma: got ", length, " entries, expected ", hosts.size(),
                    ", one for each host",
                    slots == hosts.size() ? "" : concat(" (or ", slots, ", one for each slot)")));
      }
      for (size_t k = column; k < column + own; ++k) {
        if (hosts[i].rdma[k].empty()) continue;
        fail(row->items[k].line, concat(host.name, ".rdma[", k, "]: got ", row->items[k].shown(),
                                        ", expected null: it leads to the host itself"));
      }
      column += own;
    }
  }

  const std::string& path_;
};

nlohmann::ordered_json host_json(const Host& host) {
  nlohmann::ordered_json out{{"ssh", host.name}};
  if (!host.user.empty()) out["user"] = host.user;
  if (host.port != 0) out["port"] = host.port;
  if (!host.identity.empty()) out["identity"] = host.identity;
  if (host.slots != 1) out["slots"] = host.slots;
  if (!host.ips.empty()) out["ips"] = host.ips;
  for (const auto& devices : host.rdma) {
    auto& entry = out["rdma"].emplace_back();  // null
    if (devices.size() == 1) entry = devices[0];
    if (devices.size() > 1) entry = devices;
  }
  for (const auto& [name, value] : host.environment) out["env"][name] = value;
  return out;
}

}  // namespace

Hostfile read_hostfile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) {
    throw LaunchError(LaunchError::kUsage, concat("Cannot read the hostfile ", path, "."));
  }
  return parse_hostfile(text.str(), path);
}

Hostfile parse_hostfile(const std::string& text, const std::string& path) {
  try {
    return HostfileReader(path).read(parse_json(text));
  } catch (const JsonError& error) {
    throw LaunchError(LaunchError::kUsage,
                      concat(path, ":", error.line(), ": ", error.what(), "."));
  }
}

std::string to_text(const Hostfile& hostfile) {
  std::string text = "{\n";
  if (!hostfile.backend.empty()) {
    text += concat("  \"backend\": ", nlohmann::json(hostfile.backend).dump(), ",\n");
  }
  std::vector<std::string> envs, hosts;
  for (const auto& [name, value] : hostfile.environment) {
    envs.push_back(nlohmann::json(name + "=" + value).dump());
  }
  for (const Host& host : hostfile.hosts) hosts.push_back("    " + host_json(host).dump());
  if (!envs.empty()) text += concat("  \"envs\": [", join(envs, ", "), "],\n");
  return text + concat("  \"hosts\": [\n", join(hosts, ",\n"), "\n  ]\n}\n");
}

}  // namespace mlx::launch
