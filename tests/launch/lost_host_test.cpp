#include "mlx/launch/lost_host.h"

#include <gmock/gmock.h>

#include "launch/values.h"

namespace mlx::launch {
namespace {

using test::exited;
using testing::HasSubstr;

TEST(LostHost, SaysWhatTheEndOfSshMeans) {
  const struct {
    const char* said;
    const char* meaning;
  } rows[] = {
      {"@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n",
       "another than the known one"},
      {"No ED25519 host key is known for h2.\nHost key verification failed.\n", "is not known"},
      {"root@h2: Permission denied (publickey).\n", "not let in"},
      {"ssh: connect to host h2 port 22: Connection refused\n", "no sshd"},
      {"ssh: connect to host h2 port 22: No route to host\n", "no route"},
      {"ssh: connect to host h2 port 22: Connection timed out\n", "does not answer"},
      {"ssh: Could not resolve hostname h2: Name or service not known\n", "no such host"},
      {"kex_exchange_identification: read: Connection reset by peer\n", "ssh cannot connect"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(explain({"h2", Way::ssh, false, exited(255), row.said}), HasSubstr(row.meaning));
  }
}

TEST(LostHost, SaysHowAnAgentEnded) {
  const struct {
    LostHost lost;
    const char* text;
  } rows[] = {
      {{"h2", Way::ssh, true, exited(255), "Connection closed"}, "the connection to it was lost"},
      {{"h2", Way::ssh, false, exited(127), "no mlx-launch"}, "it has no mlx-launch"},
      {{"h2", Way::ssh, false, exited(3), ""}, "the shell there ended with exit code 3"},
      {{"h2", Way::ssh, true, 9, ""}, "ssh was killed by signal 9 (SIGKILL)"},
      {{"", Way::here, true, 9, ""}, "its agent was killed by signal 9 (SIGKILL)"},
      {{"n1", Way::srun, false, exited(1), ""}, "srun ended with exit code 1"},
      {{"h2", Way::ssh, true, {}, ""}, "its agent closed the connection"},
  };
  for (const auto& row : rows) EXPECT_EQ(explain(row.lost), row.text);
}

TEST(LostHost, QuotesTheLastWordsThatSaySomething) {
  EXPECT_EQ(last_words("", 3, "| "), "");
  EXPECT_EQ(last_words("@@@@\r\n@ WARNING @\r\n@@@@\r\nb\n\nc\n", 2, "| "), "| b\n| c\n");
  EXPECT_EQ(last_words("one", 3, "| "), "| one\n");
}

}  // namespace
}  // namespace mlx::launch
