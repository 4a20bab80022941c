#include "system/launch_on_hosts.h"

#include <gmock/gmock.h>

namespace mlx::test {

LaunchOnHosts::LaunchOnHosts(int count) : hosts_(count) {
  options_ = {"--ssh", hosts_.ssh()};
  script_options_ = {"--hosts", names(), "--cwd", "/"};
}

LaunchOnHosts::~LaunchOnHosts() {
  command_.reset();
  EXPECT_THAT(hosts_.leftovers(), testing::IsEmpty());
}

void LaunchOnHosts::expect_no_processes() {
  LaunchJob::expect_no_processes();
  EXPECT_THAT(hosts_.leftovers(), testing::IsEmpty());
}

std::string LaunchOnHosts::names() const {
  std::string list;
  for (int host = 0; host < hosts_.count(); ++host) {
    list += (host > 0 ? ",h" : "h") + std::to_string(host + 1);
  }
  return list;
}

}  // namespace mlx::test
