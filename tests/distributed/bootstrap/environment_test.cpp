#include "mlx/distributed/bootstrap/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace mlx::core::distributed {
namespace {

using ::testing::HasSubstr;

using Variables = std::vector<std::pair<std::string, std::string>>;

// Reads with these variables set, and takes them away again.
Environment read_with(const Variables& variables) {
  struct Restore {
    const Variables& variables;
    ~Restore() {
      for (const auto& [name, value] : variables) unsetenv(name.c_str());
    }
  } restore{variables};
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  return read_environment();
}

TEST(Environment, OfAProcessWithoutAJobIsAWorldOfOne) {
  const Environment e = read_with({});
  EXPECT_EQ(e.world_size, 1);
  EXPECT_FALSE(e.rendezvous);
}

TEST(Environment, ReadsBackWhatALauncherWrites) {
  Environment e;
  e.rank = 3;
  e.world_size = 8;
  e.local_rank = 1;
  e.generation = 7;
  e.launcher_serves = true;
  e.rendezvous = Endpoint{"::1", 1234};
  e.secret = Secret("s3cret");
  e.limits.heartbeat = Milliseconds{250};
  e.transport = "tcp";
  e.connections_per_ip = 4;
  const Environment r = read_with(environment_variables(e));
  EXPECT_EQ(r.rank, 3);
  EXPECT_EQ(r.world_size, 8);
  EXPECT_EQ(r.local_rank, 1);
  EXPECT_EQ(r.generation, 7u);
  EXPECT_TRUE(r.launcher_serves);
  EXPECT_EQ(r.rendezvous, e.rendezvous);
  EXPECT_EQ(r.secret.text(), "s3cret");
  EXPECT_EQ(r.limits.heartbeat, Milliseconds{250});
  EXPECT_EQ(r.limits.operation, e.limits.operation);
  EXPECT_EQ(r.transport, "tcp");
  EXPECT_EQ(r.connections_per_ip, 4);
}

TEST(Environment, TellsWhereDataArrives) {
  EXPECT_TRUE(read_with({}).data_addresses.empty());
  const Environment e =
      read_with({{"MLX_DATA_ADDRESSES", "10.0.0.1,host:7000,::1,[fd00::1]:7001,[fd00::2]"}});
  const std::vector<Endpoint> expected{
      {"10.0.0.1", 0}, {"host", 7000}, {"::1", 0}, {"fd00::1", 7001}, {"fd00::2", 0}};
  EXPECT_EQ(e.data_addresses, expected);
}

class Files : public ::testing::Test {
 protected:
  Files() {
    char folder[] = "/tmp/mlx-environment-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string write(const char* name, const char* text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string folder_;
};

TEST_F(Files, HoldTheHostsAndTheSecret) {
  const auto hosts = write("hosts", R"([["10.0.0.1:5000"], ["10.0.0.2:5001", "10.1.0.2:5001"]])");
  const auto secret = write("secret", "s3cret\n");
  const Environment e =
      read_with({{"MLX_HOSTFILE", hosts}, {"MLX_JOB_SECRET_FILE", secret}, {"MLX_RANK", "1"}});
  EXPECT_EQ(e.world_size, 2);
  EXPECT_EQ(e.rendezvous, (Endpoint{"10.0.0.1", 5000}));
  EXPECT_EQ(e.hosts[1][1], (Endpoint{"10.1.0.2", 5001}));
  EXPECT_EQ(e.data_addresses, e.hosts[1]);
  EXPECT_EQ(e.secret.text(), "s3cret");
}

TEST_F(Files, OfJacclDescribeAJob) {
  const auto matrix = write("matrix", R"([[null, "a"], ["a", null]])");
  const Environment e = read_with({{"JACCL_RANK", "1"},
                                   {"JACCL_IBV_DEVICES", matrix},
                                   {"JACCL_COORDINATOR", "10.0.0.1:5000"},
                                   {"JACCL_RING", "1"}});
  EXPECT_EQ(e.rank, 1);
  EXPECT_EQ(e.world_size, 2);
  EXPECT_EQ(e.rendezvous, (Endpoint{"10.0.0.1", 5000}));
  EXPECT_EQ(e.ibv_devices, matrix);
  EXPECT_TRUE(e.jaccl_ring);
  EXPECT_THROW(read_with({{"MLX_IBV_DEVICES", write("matrix", "{}")}}), std::invalid_argument);
}

TEST_F(Files, ThatMakeNoSenseAreRefused) {
  for (const char* text : {"", "{}", "[]", "[[]]", "[[5]]", "[[\"nowhere\"]]"}) {
    EXPECT_THROW(read_with({{"MLX_HOSTFILE", write("hosts", text)}}), std::invalid_argument)
        << text;
  }
  EXPECT_THROW(read_with({{"MLX_HOSTFILE", folder_ + "/none"}}), std::runtime_error);
}

TEST(Environment, NamesTheVariableThatMakesNoSense) {
  const std::pair<const char*, const char*> rows[] = {{"MLX_RANK", "-1"},
                                                      {"MLX_RANK", "two"},
                                                      {"MLX_RANK", "1"},
                                                      {"MLX_WORLD_SIZE", "1x"},
                                                      {"MLX_RENDEZVOUS", "x"},
                                                      {"MLX_TRANSPORT", "pigeon"},
                                                      {"MLX_BACKEND", "gloo"},
                                                      {"MLX_HEARTBEAT_LIMIT", "0"},
                                                      {"MLX_ALGORITHM", "magic"},
                                                      {"MLX_DATA_ADDRESSES", "a,,b"},
                                                      {"MLX_DATA_ADDRESSES", "a,"},
                                                      {"MLX_DATA_ADDRESSES", "a:b"},
                                                      {"MLX_CONNECTIONS_PER_IP", "0"},
                                                      {"MLX_CONNECTIONS_PER_IP", "65"}};
  for (const auto& [name, value] : rows) {
    try {
      read_with({{name, value}});
      ADD_FAILURE() << name << "=" << value << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
}

}  // namespace
}  // namespace mlx::core::distributed
