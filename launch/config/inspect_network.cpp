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
#include <cstring>
#include <memory>
#include <sstream>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/launch/config/files.h"
#include "mlx/launch/config/inspect.h"

namespace mlx::launch::config {
namespace {

using core::distributed::Socket;

std::string text_of(int family, const void* address) {
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

// The kernel knows the driver of each interface, also of those without a device.
std::string driver_of(const Socket& any, const std::string& interface) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&info);
  return ioctl(any.fd(), SIOCETHTOOL, &request) == 0 ? info.driver : "";
}

Interface inspect_interface(const Socket& any, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name;
  Interface out;
  out.name = name;
  out.driver = driver_of(any, name);
  const bool wireless = access((folder + "/phy80211").c_str(), F_OK) == 0;
  out.kind = kind_of_interface(static_cast<int>(file_number(folder + "/type", ARPHRD_ETHER)),
                               out.driver, wireless);
  out.mac = file_line(folder + "/address");
  out.linked = file_number(folder + "/carrier", 0) == 1;
  out.mtu = static_cast<int>(file_number(folder + "/mtu", 0));
  out.megabits = file_number(folder + "/speed", -1);
  if (out.kind == "thunderbolt") out.peer = file_line(folder + "/device/../device_name");
  return out;
}

// The address list of the kernel, owned.
using AddressList = std::unique_ptr<ifaddrs, decltype(&freeifaddrs)>;

// "0A4D0000" of /proc/net/route: in the byte order of the machine.
std::string ipv4_of(const std::string& hexadecimal) {
  const auto value = static_cast<uint32_t>(std::stoul(hexadecimal, nullptr, 16));
  return text_of(AF_INET, &value);
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
      way.gateway = text_of(family, RTA_DATA(a));
    } else if (a->rta_type == RTA_PREFSRC) {
      way.source = text_of(family, RTA_DATA(a));
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
  const Socket any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::vector<Interface> out;
  for (const ifaddrs* a = all; a; a = a->ifa_next) {
    if (a->ifa_flags & IFF_LOOPBACK) continue;
    auto at = std::find_if(out.begin(), out.end(),
                           [&](const Interface& i) { return i.name == a->ifa_name; });
    if (at == out.end()) at = out.insert(at, inspect_interface(any, a->ifa_name));
    at->up = (a->ifa_flags & IFF_UP) != 0;
    const bool address = a->ifa_addr && a->ifa_netmask &&
                         (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
    if (!address || is_link_local(a->ifa_addr)) continue;
    at->addresses.push_back(
        {text_of(a->ifa_addr->sa_family, bytes_of(a->ifa_addr)), prefix_of(a->ifa_netmask)});
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
