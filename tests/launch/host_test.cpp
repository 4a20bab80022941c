#include "mlx/launch/host.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <climits>

#include "launch/values.h"

namespace mlx::launch {
namespace {

using test::host_of;

TEST(HostName, IsReadAsTyped) {
  const struct {
    const char *text, *name, *user;
  } rows[] = {{"node1", "node1", ""},
              {"n-1.cluster_a", "n-1.cluster_a", ""},
              {"me@node1", "node1", "me"},
              {"10.0.0.7", "10.0.0.7", ""},
              {"::1", "::1", ""},
              {"[fe80::1%eth0]", "fe80::1%eth0", ""},
              {"me@fd77::2", "fd77::2", "me"}};
  for (const auto& row : rows) {
    const Host host = parse_host(row.text);
    EXPECT_EQ(host.name, row.name);
    EXPECT_EQ(host.user, row.user);
    EXPECT_EQ(host.slots, 1);
  }
}

TEST(HostName, IsNeverAnOptionOrAShellsWord) {
  for (const char* text : {"",     "-v",     "-oProxyCommand=x",
                           "a b",  "a;b",    "$a",
                           "`a`",  "a\nb",   "me@",
                           "@a",   "me@-v",  "-v@a",
                           "a:22", "a/b",    "[1.2.3.4]",
                           "[::1", "::1::2", "fe80::1%a b",
                           "../a", "a'b",    "ä"}) {
    EXPECT_THROW(parse_host(text), std::invalid_argument) << text;
  }
}

TEST(HostName, TellsWhetherItIsHere) {
  char buffer[HOST_NAME_MAX + 1] = {};
  ASSERT_EQ(gethostname(buffer, HOST_NAME_MAX), 0);
  const char* own = buffer;
  for (const char* name : {"localhost", "127.0.0.1", "127.1.2.3", "::1", own}) {
    EXPECT_TRUE(host_of(name).is_here()) << name;
    EXPECT_FALSE(host_of(name, "me").is_here()) << name;
    EXPECT_FALSE(host_of(name, "", 2222).is_here()) << name;
  }
  for (const char* name : {"localhost2", "127.example.org", "10.0.0.7", "no-such-host.example"}) {
    EXPECT_FALSE(host_of(name).is_here()) << name;
  }
}

TEST(HostName, SharesALoginWithItsEqual) {
  EXPECT_TRUE(host_of("a", "me", 22).same_login(host_of("a", "me", 22)));
  EXPECT_TRUE(host_of("localhost").same_login(host_of("127.0.0.1")));
  EXPECT_FALSE(host_of("a").same_login(host_of("b")));
  EXPECT_FALSE(host_of("a", "me").same_login(host_of("a", "you")));
  EXPECT_FALSE(host_of("a", "me", 22).same_login(host_of("a", "me", 23)));
  EXPECT_FALSE(host_of("localhost").same_login(host_of("localhost", "me")));
}

TEST(HostName, IsAnAddressOrNot) {
  for (const char* text : {"1.2.3.4", "::1", "fd77::2", "fe80::1%eth0", "::ffff:1.2.3.4"}) {
    EXPECT_TRUE(is_address(text)) << text;
  }
  for (const char* text : {"", "1.2.3", "1.2.3.400", "a", "fe80::1%", "fe80::1%-x", "1.2.3.4%a"}) {
    EXPECT_FALSE(is_address(text)) << text;
  }
}

TEST(Variable, HasANameAndAValue) {
  EXPECT_EQ(parse_variable("A=b=c"), std::pair(std::string("A"), std::string("b=c")));
  EXPECT_EQ(parse_variable("A="), std::pair(std::string("A"), std::string()));
  for (const std::string& text :
       {std::string(), std::string("A"), std::string("=b"), std::string("A=b\0c", 5)}) {
    EXPECT_THROW(parse_variable(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace mlx::launch
