// The hosts that other tests use: they are separate, show what a job leaves on
// them, and leave nothing themselves.

#include "system/ssh_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "system/command.h"
#include "system/missing.h"

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Ends when the process runs.
constexpr const char* kStartSleep =
    "sleep 1000 > /dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do sleep 0.01; done";

TEST(SshHosts, AreReachedBySshAndAreSeparate) {
  const SshHosts hosts(2);
  const std::string script = hosts.ssh() + " h1 'touch /tmp/one' && " + hosts.ssh() + " " +
                             SshHosts::address6(1) + " 'hostname; pwd; ls -d /tmp/one 2>&1'";
  const Finished seen =
      Command({"/bin/sh", "-c", script}, {.folder = hosts.folder(), .input = ""}).wait();
  EXPECT_THAT(seen.out, AllOf(StartsWith("h2\n/run/home\n"), HasSubstr("No such file")))
      << seen.err;
  EXPECT_EQ(hosts.run(0, "ls -d /tmp/one; rm /tmp/one"), "/tmp/one\n");
  EXPECT_THAT(hosts.leftovers(), IsEmpty());
}

TEST(SshHosts, ShowWhatIsLeftOnThem) {
  const SshHosts hosts(1);
  hosts.run(0, "echo > /dev/shm/forgotten");
  hosts.run(0, kStartSleep);
  EXPECT_THAT(hosts.leftovers(std::chrono::milliseconds(0)),
              AllOf(Contains(HasSubstr("h1: process sleep 1000")),
                    Contains(HasSubstr("h1: file forgotten in dev/shm"))));
}

TEST(SshHosts, VanishAtTheirEnd) {
  pid_t process;
  std::string folder;
  {
    const SshHosts hosts(1);
    folder = hosts.folder();
    hosts.run(0, kStartSleep);
    process = hosts.processes(0, "sleep").at(0);
  }
  EXPECT_NE(kill(process, 0), 0);
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace

std::string missing() { return SshHosts::missing(); }

}  // namespace mlx::test
