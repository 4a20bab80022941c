// Network interfaces, and how packets leave.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/launch/config/files.h"
#include "mlx/launch/config/inspect.h"

namespace mlx::launch::config {
namespace {

using core::distributed::Socket;

// SIOCGIWNAME of linux/wireless.h, which does not go together with net/if.h.
constexpr unsigned long kWirelessName = 0x8B01;

std::string address_text(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, address, text, sizeof text);
  return text;
}

const void* bytes_of(const sockaddr* a) {
  return a->sa_family == AF_INET
             ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(a)->sin_addr)
             : &reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr;
}

int prefix_of(const sockaddr* mask) {
  const size_t length = mask->sa_family == AF_INET ? 4 : 16;
  const auto* bytes = static_cast<const uint8_t*>(bytes_of(mask));
  int bits = 0;
  for (size_t i = 0; i < length; ++i) bits += std::popcount(bytes[i]);
  return bits;
}

bool is_link_local(const sockaddr* a) {
  const auto* bytes = static_cast<const uint8_t*>(bytes_of(a));
  return a->sa_family == AF_INET6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80
                                  : bytes[0] == 169 && bytes[1] == 254;
}

// Questions to the kernel about one interface, in the network namespace that we
// are in; /sys may show another one's.
class Device {
 public:
  explicit Device(const std::string& name)
      : any_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), name_(name) {}

  std::string driver() const {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask_driver(&info) ? info.driver : "";
  }
  /// -1: it does not say.
  int64_t megabits() const {
    ethtool_cmd link{};
    link.cmd = ETHTOOL_GSET;
    if (!ask_driver(&link)) return -1;
    const auto speed = static_cast<int32_t>(ethtool_cmd_speed(&link));
    return speed > 0 ? speed : -1;
  }
  int mtu() const {
    ifreq request{};
    return ask(SIOCGIFMTU, request) ? request.ifr_mtu : 0;
  }
  bool wireless() const {
    ifreq request{};
    return ask(kWirelessName, request);
  }
  /// The kind of hardware (ARPHRD_), and the address as text.
  std::pair<int, std::string> hardware() const {
    ifreq request{};
    if (!ask(SIOCGIFHWADDR, request)) return {ARPHRD_ETHER, ""};
    std::string mac;
    for (int i = 0; i < 6; ++i) {
      char two[4];
      std::snprintf(two, sizeof two, "%s%02x", i > 0 ? ":" : "",
                    static_cast<uint8_t>(request.ifr_hwaddr.sa_data[i]));
      mac += two;
    }
    return {request.ifr_hwaddr.sa_family, mac};
  }

 private:
  bool ask(unsigned long what, ifreq& request) const {
    name_.copy(request.ifr_name, IFNAMSIZ - 1);
    return ioctl(any_.fd(), what, &request) == 0;
  }
  bool ask_driver(void* command) const {
    ifreq request{};
    request.ifr_data = static_cast<char*>(command);
    return ask(SIOCETHTOOL, request);
  }

  const Socket any_;
  const std::string name_;
};

Interface inspect_interface(const std::string& name, unsigned flags) {
  const Device device(name);
  Interface out;
  out.name = name;
  out.driver = device.driver();
  const auto [type, mac] = device.hardware();
  out.kind = kind_of_interface(type, out.driver, device.wireless());
  out.mac = mac;
  out.up = (flags & IFF_UP) != 0;
  out.linked = (flags & IFF_RUNNING) != 0;
  out.mtu = device.mtu();
  out.megabits = device.megabits();
  if (out.kind == "thunderbolt") {
    out.peer = file_line("/sys/class/net/" + name + "/device/../device_name");
  }
  return out;
}

// The address list of the kernel, owned.
using AddressList = std::unique_ptr<ifaddrs, decltype(&freeifaddrs)>;

// "0A4D0000" of /proc/net/route: in the byte order of the machine.
std::string ipv4_of(const std::string& hexadecimal) {
  const auto value = static_cast<uint32_t>(std::stoul(hexadecimal, nullptr, 16));
  return address_text(AF_INET, &value);
}

// One answer of rtnetlink to "how does one get there?".
struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  char attributes[64];
};

NextHop read_way(const nlmsghdr* answer, int family) {
  NextHop way;
  const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(answer));
  auto left = static_cast<unsigned>(RTM_PAYLOAD(answer));
  for (const rtattr* a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == RTA_OIF) {
      char name[IF_NAMESIZE] = "";
      unsigned index = 0;
      std::memcpy(&index, RTA_DATA(a), sizeof index);
      if_indextoname(index, name);
      way.interface = name;
    } else if (a->rta_type == RTA_GATEWAY) {
      way.gateway = address_text(family, RTA_DATA(a));
    } else if (a->rta_type == RTA_PREFSRC) {
      way.source = address_text(family, RTA_DATA(a));
    }
  }
  return way;
}

}  // namespace

std::string kind_of_interface(int type, const std::string& driver, bool wireless) {
  if (type == ARPHRD_INFINIBAND) return "infiniband";
  if (type != ARPHRD_ETHER) return "virtual";
  if (wireless) return "wireless";
  return driver == "thunderbolt-net" || driver == "thunderbolt_net" ? "thunderbolt" : "ethernet";
}

std::vector<Interface> inspect_interfaces() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  const AddressList list(all, freeifaddrs);
  std::vector<Interface> out;
  for (const ifaddrs* a = all; a; a = a->ifa_next) {
    if (a->ifa_flags & IFF_LOOPBACK) continue;
    auto at = std::find_if(out.begin(), out.end(),
                           [&](const Interface& i) { return i.name == a->ifa_name; });
    if (at == out.end()) at = out.insert(at, inspect_interface(a->ifa_name, a->ifa_flags));
    const bool address = a->ifa_addr && a->ifa_netmask &&
                         (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
    if (!address || is_link_local(a->ifa_addr)) continue;
    at->addresses.push_back(
        {address_text(a->ifa_addr->sa_family, bytes_of(a->ifa_addr)), prefix_of(a->ifa_netmask)});
  }
  return out;
}

std::vector<Route> inspect_routes(const std::string& root) {
  std::vector<Route> routes;
  const auto lines = lines_of(file_text(root + "/proc/net/route"));
  for (size_t i = 1; i < lines.size(); ++i) {
    std::istringstream fields(lines[i]);
    std::string interface, destination, gateway, flags, references, uses, mask;
    int metric = 0;
    if (!(fields >> interface >> destination >> gateway >> flags >> references >> uses >> metric >>
          mask)) {
      continue;
    }
    const int prefix = std::popcount(std::stoul(mask, nullptr, 16));
    const std::string to =
        prefix == 0 ? "default" : ipv4_of(destination) + '/' + std::to_string(prefix);
    routes.push_back({to, gateway == "00000000" ? "" : ipv4_of(gateway), interface, metric});
  }
  return routes;
}

NextHop way_to(const std::string& ip) {
  const int family = ip.find(':') == std::string::npos ? AF_INET : AF_INET6;
  const size_t length = family == AF_INET ? 4 : 16;
  RouteRequest request{};
  request.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg)),
                    .nlmsg_type = RTM_GETROUTE,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.route.rtm_family = static_cast<unsigned char>(family);
  request.route.rtm_dst_len = static_cast<unsigned char>(length * 8);
  auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(&request) +
                                              NLMSG_ALIGN(request.header.nlmsg_len));
  attribute->rta_type = RTA_DST;
  attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
  if (inet_pton(family, ip.c_str(), RTA_DATA(attribute)) != 1) return {.error = "not an address"};
  request.header.nlmsg_len += RTA_ALIGN(attribute->rta_len);

  const Socket kernel(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  if (send(kernel.fd(), &request, request.header.nlmsg_len, 0) < 0) {
    return {.error = std::strerror(errno)};
  }
  auto got = static_cast<unsigned>(
      std::max<ssize_t>(0, recv(kernel.fd(), buffer.data(), buffer.size(), 0)));
  const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (!NLMSG_OK(answer, got)) return {.error = "the kernel does not say"};
  if (answer->nlmsg_type == NLMSG_ERROR) {
    return {.error = std::strerror(-static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error)};
  }
  return read_way(answer, family);
}

}  // namespace mlx::launch::config
