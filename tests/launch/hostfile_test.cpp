#include "mlx/launch/hostfile.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string error_in(const std::string& text) {
  try {
    parse_hostfile(text, "h.json");
  } catch (const LaunchError& error) {
    EXPECT_EQ(error.exit_code(), LaunchError::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(Hostfile, ReadsTheListOfHosts) {
  const Hostfile file = parse_hostfile(R"([
    {"ssh": "hostname1", "ips": ["123.123.123.1"], "rdma": [null, "rdma_en5"]},
    {"ssh": "hostname2", "ips": ["123.123.123.2", "fe80::1%eth0"], "rdma": [["a", "b"], null]}
  ])",
                                       "h.json");
  EXPECT_EQ(file.backend, "");
  ASSERT_EQ(file.hosts.size(), 2u);
  EXPECT_EQ(file.hosts[0].name, "hostname1");
  EXPECT_THAT(file.hosts[0].ips, ElementsAre("123.123.123.1"));
  EXPECT_THAT(file.hosts[1].ips, ElementsAre("123.123.123.2", "fe80::1%eth0"));
  EXPECT_THAT(file.hosts[0].rdma, ElementsAre(IsEmpty(), ElementsAre("rdma_en5")));
  EXPECT_THAT(file.hosts[1].rdma, ElementsAre(ElementsAre("a", "b"), IsEmpty()));
  EXPECT_EQ(file.hosts[0].slots, 1);
}

TEST(Hostfile, ReadsTheObject) {
  const Hostfile file = parse_hostfile(R"({
    // who
    "backend": "jaccl-ring", "envs": ["A=1", "B=x=y", "C="],
    /* where */
    "hosts": ["plain", "me@[::1]",
      {"ssh": "h", "user": "you", "port": 2222, "identity": "~/.ssh/key", "slots": 8,
       "env": {"D": "4", "E": ""}}]
  })",
                                       "h.json");
  EXPECT_EQ(file.backend, "jaccl-ring");
  EXPECT_THAT(file.environment, ElementsAre(Pair("A", "1"), Pair("B", "x=y"), Pair("C", "")));
  ASSERT_EQ(file.hosts.size(), 3u);
  EXPECT_EQ(file.hosts[0].name, "plain");
  EXPECT_EQ(file.hosts[1].user, "me");
  EXPECT_EQ(file.hosts[1].name, "::1");
  const Host& h = file.hosts[2];
  EXPECT_EQ(h.user, "you");
  EXPECT_EQ(h.port, 2222);
  EXPECT_EQ(h.identity, "~/.ssh/key");
  EXPECT_EQ(h.slots, 8);
  EXPECT_THAT(h.environment, ElementsAre(Pair("D", "4"), Pair("E", "")));
}

TEST(Hostfile, NamesLineAndFieldOfWhatIsWrong) {
  const struct {
    const char* text;
    const char* error;
  } rows[] = {
      {"", "h.json:1: syntax error"},
      {"[\n\"a\",\n}", "h.json:3: syntax error"},
      {"[\"a\"]\n\n7", "h.json:3: syntax error"},
      {"[\"\xff\"]", "h.json:1: "},
      {"[/* no end", "h.json:1: "},
      {"7", "h.json:1: got 7, expected a list of hosts, or an object with \"hosts\""},
      {"\n[]", "h.json:2: hosts: got an empty list, expected at least one host"},
      {"{}", "h.json:1: \"hosts\" is missing"},
      {"{\"hosts\": 1}", "hosts: got 1, expected a list of hosts"},
      {"{\"hosts\": []}", "hosts: got an empty list"},
      {"{\n\"host\": [\"a\"]}",
       "h.json:2: host: no such field, expected one of backend, envs, hosts"},
      {"{\"hosts\": [\"a\"],\n\"hosts\": [\"b\"]}", "h.json:2: \"hosts\" is there twice"},
      {"{\"hosts\": [\"a\"],\n \"backend\":\n \"gloo\"}",
       "h.json:3: backend: got \"gloo\", expected one of any, ring,"},
      {"{\"hosts\": [\"a\"], \"backend\": null}", "backend: got null, expected one of"},
      {"{\"hosts\": [\"a\"], \"envs\": {}}", "envs: got an object, expected a list"},
      {"{\"hosts\": [\"a\"], \"envs\": [\"A=1\",\n\"B\"]}",
       "h.json:2: envs[1]: got \"B\", expected \"NAME=VALUE\""},
      {"{\"hosts\": [\"a\"], \"envs\": [3]}", "envs[0]: got 3, expected \"NAME=VALUE\""},
      {"[\"a\",\n3\n]", "h.json:2: hosts[1]: got 3, expected the name of a host, or an object"},
      {"[\"\"]", "hosts[0]: got \"\", expected the name or address of a host"},
      {"[\"-oProxyCommand=x\"]", "hosts[0]: not the name or address of a host"},
      {"[\"a b\"]", "hosts[0]: not the name or address"},
      {"[\"a:22\"]", "ports and slots belong into a hostfile"},
      {"[\n{\"ips\": []}]", "h.json:2: hosts[0]: \"ssh\" is missing"},
      {"[{\"ssh\": null}]", "hosts[0].ssh: got null, expected the name or address"},
      {"[{\"ssh\": \"a\",\n\"Port\": 22}]", "h.json:2: hosts[0].Port: no such field"},
      {"[{\"ssh\": \"a\",\n\n\"port\": 70000\n}]",
       "h.json:3: hosts[0].port: got 70000, expected a number from 1 to 65535"},
      {"[{\"ssh\": \"a\", \"port\": \"22\"}]", "hosts[0].port: got \"22\", expected a number"},
      {"[{\"ssh\": \"a\", \"port\": 22.5}]", "hosts[0].port: got 22.5"},
      {"[{\"ssh\": \"a\", \"port\": 99999999999999999999}]", "hosts[0].port: got 9"},
      {"[{\"ssh\": \"a\", \"slots\": 0}]", "hosts[0].slots: got 0, expected a number from 1"},
      {"[{\"ssh\": \"a\", \"slots\": -1}]", "hosts[0].slots: got -1"},
      {"[{\"ssh\": \"a\", \"slots\": true}]", "hosts[0].slots: got true"},
      {"[{\"ssh\": \"a\", \"user\": \"x y\"}]", "hosts[0].user: got \"x y\", expected the name"},
      {"[{\"ssh\": \"u@a\", \"user\": \"v\"}]", "hosts[0]: a user is named by \"ssh\" and by"},
      {"[{\"ssh\": \"a\", \"identity\": \"\"}]", "hosts[0].identity: got \"\""},
      {"[{\"ssh\": \"a\", \"env\": [\"A=1\"]}]", "hosts[0].env: got a list, expected an object"},
      {"[{\"ssh\": \"a\", \"env\": {\"A\": 1}}]", "hosts[0].env.A: got 1, expected a text"},
      {"[{\"ssh\": \"a\", \"env\": {\"A=B\": \"1\"}}]", "\"A=B\" cannot name a variable"},
      {"[{\"ssh\": \"a\", \"ips\": \"1.2.3.4\"}]",
       "hosts[0].ips: got \"1.2.3.4\", expected a list"},
      {"[{\"ssh\": \"a\", \"ips\": [\"1.2.3.4\",\n\"1.2.3\"]}]",
       "h.json:2: hosts[0].ips[1]: got \"1.2.3\", expected an IPv4 or IPv6 address"},
      {"[{\"ssh\": \"a\", \"rdma\": \"x\"}]", "hosts[0].rdma: got \"x\", expected a list"},
      {"[{\"ssh\": \"a\", \"rdma\": [7]}]", "hosts[0].rdma[0]: got 7, expected null, the name"},
      {"[{\"ssh\": \"a\", \"rdma\": [[\"x\", null]]}]", "hosts[0].rdma[0][1]: got null"},
      {"[{\"ssh\": \"a\", \"rdma\": [\"x\"]}]",
       "hosts[0].rdma[0]: got \"x\", expected null: it leads to the host itself"},
      {"[{\"ssh\": \"a\", \"rdma\": [null, \"x\"]},\n\"b\"]",
       "h.json:2: hosts[1].rdma: got 0 entries, expected 2, one for each host"},
      {"[{\"ssh\": \"a\", \"rdma\": [null, \"x\"]},\n{\"ssh\": \"b\", \"rdma\":\n[\"x\"]}]",
       "h.json:3: hosts[1].rdma: got 1 entries"},
      {"[{\"ssh\": \"a\", \"slots\": 2, \"rdma\": [null, \"x\", \"y\"]}]",
       "got 3 entries, expected 1, one for each host (or 2, one for each slot)"},
      {"[{\"ssh\": \"a\", \"slots\": 2, \"rdma\": [null,\n\"x\"]}]",
       "h.json:2: hosts[0].rdma[1]: got \"x\", expected null"},
  };
  for (const auto& row : rows) EXPECT_THAT(error_in(row.text), HasSubstr(row.error)) << row.text;
  EXPECT_THAT(error_in(std::string(100'000, '[')), HasSubstr("h.json:1: values lie too deep"));
  EXPECT_THAT(error_in(std::string("[\"a\0b\"]", 7)), HasSubstr("h.json:1: "));
  EXPECT_THAT(error_in("[\"a\\u0000b\"]"), HasSubstr("hosts[0]: got \"a"));
}

TEST(Hostfile, ReadsBackWhatItWrites) {
  Hostfile file{"rdma", {{"A", "\"quoted\""}}, {}};
  file.hosts.resize(2);
  file.hosts[0] = {.name = "fe80::1%eth0",
                   .user = "me",
                   .port = 22,
                   .identity = "k",
                   .slots = 3,
                   .ips = {"1.2.3.4"},
                   .rdma = {{}, {"a", "b"}},
                   .environment = {{"N", "v"}}};
  file.hosts[1].name = "h2";
  file.hosts[1].rdma = {{"c"}, {}};
  const std::string text = to_text(file);
  const Hostfile again = parse_hostfile(text, "h.json");
  EXPECT_EQ(to_text(again), text);
  EXPECT_EQ(again.backend, "rdma");
  EXPECT_EQ(again.environment, file.environment);
  ASSERT_EQ(again.hosts.size(), 2u);
  EXPECT_TRUE(again.hosts[0].same_login(file.hosts[0]));
  EXPECT_EQ(again.hosts[0].identity, "k");
  EXPECT_EQ(again.hosts[0].slots, 3);
  EXPECT_EQ(again.hosts[0].ips, file.hosts[0].ips);
  EXPECT_EQ(again.hosts[0].rdma, file.hosts[0].rdma);
  EXPECT_EQ(again.hosts[0].environment, file.hosts[0].environment);
  EXPECT_EQ(again.hosts[1].rdma, file.hosts[1].rdma);
}

// Whatever is in the file, it is read or refused with a line.
TEST(Hostfile, SurvivesRandomDamage) {
  const std::string good = R"({"backend": "ring", "envs": ["A=1"], // comment
    "hosts": [{"ssh": "a", "rdma": [null, "z"]}, {"ssh": "b", "ips": ["1.2.3.4"], "port": 22, "slots": 2, "env": {"X": "1"},
    "rdma": [["x", "y"], null]}]})";
  ASSERT_EQ(error_in(good), "no error");
  std::mt19937 random(7);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = good;
    for (size_t changes = 1 + below(3); changes-- > 0;) {
      const size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text.erase(at, 1 + below(8));
          break;
        case 1:
          text.insert(at, 1, "[]{},:\"\n\\0-/*"[below(13)]);
          break;
        default:
          text[at] = static_cast<char>(below(256));
      }
    }
    const std::string error = error_in(text);
    if (error == "no error") continue;
    ++refused;
    ASSERT_TRUE(error.starts_with("h.json:")) << error << "\n" << text;
  }
  EXPECT_GT(refused, 2500);
}

TEST(Hostfile, SaysThatAFileCannotBeRead) {
  for (const std::string& path :
       {std::string("/no/such/hosts.json"), std::filesystem::temp_directory_path().string()}) {
    EXPECT_THAT([&] { read_hostfile(path); },
                testing::ThrowsMessage<LaunchError>(HasSubstr("Cannot read the hostfile " + path)));
  }
}

TEST(Hostfile, OfTheDocumentIsRead) {
  std::ifstream document(MLX_GOLDEN_DIR "/../../docs/launching.md");
  std::string text;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) {
      inside = line == "```json";
    } else if (inside) {
      text += line + "\n";
    }
  }
  const Hostfile file = parse_hostfile(text, "launching.md");
  EXPECT_EQ(file.backend, "ring");
  EXPECT_EQ(file.hosts.size(), 4u);
}

TEST(Hostfile, IsReadFromAFile) {
  std::string path = (std::filesystem::temp_directory_path() / "mlx-hosts-XXXXXX").string();
  close(mkstemp(path.data()));
  std::ofstream(path) << "[\"a\", \"b\"]\n";
  EXPECT_EQ(read_hostfile(path).hosts.size(), 2u);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace mlx::launch
