#include "mlx/launch/plan.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;
using Words = std::vector<std::string>;

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    path_ = (std::filesystem::temp_directory_path() / "mlx-plan-XXXXXX").string();
    close(mkstemp(path_.data()));
  }
  ~PlanTest() override { std::filesystem::remove(path_); }

  static Options options_of(Words words) {
    words.insert(words.end(), {"--", "train", "it's"});
    const auto request = parse_command_line(words);
    if (const Answer* answer = std::get_if<Answer>(&request)) {
      ADD_FAILURE() << answer->text;
      return {};
    }
    return std::get<Options>(request);
  }
  static Plan plan_of(const Words& words, const EnvironmentMap& environment = {}) {
    return make_plan(options_of(words), environment);
  }
  Plan plan_of_file(const std::string& text, Words words = {}) {
    std::ofstream(path_) << text;
    words.insert(words.end(), {"--hostfile", path_});
    return plan_of(words);
  }
  static std::string error_of(const Words& words) {
    try {
      plan_of(words);
    } catch (const LaunchError& error) {
      EXPECT_EQ(error.exit_code(), LaunchError::kUsage);
      return error.what();
    }
    return "no error";
  }
  // "a:0,1 b:2" and how they are reached.
  static std::string shown(const Plan& plan) {
    std::string out;
    for (const HostPlan& host : plan.hosts) {
      out += out.empty() ? "" : " ";
      out += host.way == Way::here ? "here " : host.way == Way::srun ? "srun " : "ssh ";
      out += host.host.name + ":";
      for (size_t i = 0; i < host.ranks.size(); ++i) {
        EXPECT_EQ(host.ranks[i].local_rank, static_cast<int>(i));
        out += (i == 0 ? "" : ",") + std::to_string(host.ranks[i].rank);
      }
    }
    return out;
  }
  static const Variables& variables_of(const Plan& plan, int rank) {
    for (const RankPlan& r : plan.host_of(rank).ranks) {
      if (r.rank == rank) return r.environment;
    }
    throw std::logic_error("The host of the rank does not have it.");
  }

  std::string path_;
};

const EnvironmentMap kSlurm{{"SLURM_JOB_ID", "17"},
                            {"SLURM_JOB_NODELIST", "n[1-2]"},
                            {"SLURM_NTASKS", "3"},
                            {"SLURM_TASKS_PER_NODE", "2,1"}};

TEST_F(PlanTest, NumbersRanksHostByHost) {
  const struct {
    Words words;
    const char* plan;
  } rows[] = {
      {{}, "here localhost:0"},
      {{"-n", "3"}, "here localhost:0,1,2"},
      {{"--hosts", "a,b", "-n", "2"}, "ssh a:0,1 ssh b:2,3"},
      {{"--hosts", "a,b,a"}, "ssh a:0,2 ssh b:1"},
      {{"--hosts", "a,me@a"}, "ssh a:0 ssh a:1"},
      {{"--hosts", "localhost,b,127.0.0.1"}, "here localhost:0,2 ssh b:1"},
  };
  for (const auto& row : rows) EXPECT_EQ(shown(plan_of(row.words)), row.plan);
  const Plan plan = plan_of({"--hosts", "a,b,a"});
  EXPECT_EQ(plan.ranks, 3);
  EXPECT_EQ(plan.host_of(1).host.name, "b");
  EXPECT_EQ(plan.host_of(2).host.name, "a");
  EXPECT_THROW(plan.host_of(3), std::invalid_argument);
}

TEST_F(PlanTest, KnowsWhetherSomethingRunsElsewhere) {
  EXPECT_FALSE(plan_of({"-n", "2"}).on_several_hosts());
  EXPECT_TRUE(plan_of({"--hosts", "a"}).on_several_hosts());
  EXPECT_TRUE(plan_of({"--hosts", "localhost,a"}).on_several_hosts());
}

TEST_F(PlanTest, MultipliesTheSlotsOfAHostfile) {
  const char* text = R"(["a", {"ssh": "b", "slots": 2}])";
  EXPECT_EQ(shown(plan_of_file(text)), "ssh a:0 ssh b:1,2");
  EXPECT_EQ(shown(plan_of_file(text, {"-n", "2"})), "ssh a:0,1 ssh b:2,3,4,5");
}

TEST_F(PlanTest, TakesTheAllocationAroundUs) {
  EXPECT_EQ(shown(plan_of({}, kSlurm)), "srun n1:0,1 srun n2:2");
  EXPECT_EQ(shown(plan_of({"-n", "2"}, kSlurm)), "srun n1:0,1 srun n2:2,3");
  EXPECT_EQ(shown(plan_of({"-n", "1"}, kSlurm)), "srun n1:0 srun n2:1");
  EXPECT_EQ(shown(plan_of({"--hosts", "localhost"}, kSlurm)), "here localhost:0");
}

TEST_F(PlanTest, TellsTheBackend) {
  EXPECT_THAT(plan_of({}).environment, IsEmpty());
  const Plan ring = plan_of({"--backend", "ring", "--connections-per-ip", "4"});
  EXPECT_EQ(ring.backend, "ring");
  EXPECT_THAT(ring.environment,
              ElementsAre(Pair("MLX_BACKEND", "ring"), Pair("MLX_CONNECTIONS_PER_IP", "4")));
  const Plan jaccl = plan_of({"--backend", "jaccl-ring"});
  EXPECT_EQ(jaccl.backend, "jaccl");
  EXPECT_THAT(jaccl.environment, Contains(Pair("MLX_BACKEND", "jaccl")));
  EXPECT_THAT(jaccl.environment, Contains(Pair("MLX_JACCL_RING", "1")));
  const char* text = R"({"backend": "nccl", "hosts": ["a"]})";
  EXPECT_EQ(plan_of_file(text).backend, "nccl");
  EXPECT_EQ(plan_of_file(text, {"--backend", "ring"}).backend, "ring");
}

TEST_F(PlanTest, GivesVariablesToWhomTheyAreFor) {
  const Plan plan = plan_of_file(R"({"envs": ["A=all", "B=all"], "hosts": [
      {"ssh": "a", "env": {"X": "1", "Y": "1"}}, {"ssh": "b"}, {"ssh": "a", "env": {"X": "2"}}]})",
                                 {"--env", "B=mine", "--env", "Y=mine"});
  EXPECT_THAT(plan.environment, ElementsAre(Pair("A", "all"), Pair("B", "all"), Pair("B", "mine"),
                                            Pair("Y", "mine")));
  EXPECT_THAT(variables_of(plan, 0), ElementsAre(Pair("X", "1")));
  EXPECT_THAT(variables_of(plan, 1), IsEmpty());
  EXPECT_THAT(variables_of(plan, 2), ElementsAre(Pair("X", "2")));
}

TEST_F(PlanTest, TellsWhereEachRankAcceptsConnections) {
  const char* text = R"([{"ssh": "a", "ips": ["10.0.0.1", "fd77::1"], "slots": 2}, "b"])";
  const Plan free_ports = plan_of_file(text);
  EXPECT_THAT(variables_of(free_ports, 1),
              ElementsAre(Pair("MLX_DATA_ADDRESSES", "10.0.0.1,fd77::1")));
  EXPECT_THAT(variables_of(free_ports, 2), IsEmpty());
  const Plan plan = plan_of_file(text, {"--starting-port", "5000"});
  EXPECT_THAT(variables_of(plan, 0),
              ElementsAre(Pair("MLX_DATA_ADDRESSES", "10.0.0.1:5001,[fd77::1]:5001")));
  EXPECT_THAT(variables_of(plan, 1),
              ElementsAre(Pair("MLX_DATA_ADDRESSES", "10.0.0.1:5002,[fd77::1]:5002")));
  EXPECT_THAT(variables_of(plan, 2), ElementsAre(Pair("MLX_DATA_ADDRESSES", "*:5003")));
}

TEST_F(PlanTest, GivesTheMatrixOfDevicesARowForEachRank) {
  const Plan one = plan_of_file(R"([{"ssh": "a", "rdma": [null, ["x", "y"]]},
                                    {"ssh": "b", "rdma": ["z", null]}])");
  ASSERT_EQ(one.files.size(), 1u);
  EXPECT_EQ(one.files[0].variable, "MLX_IBV_DEVICES");
  EXPECT_EQ(one.files[0].content, R"([[null,["x","y"]],["z",null]])");

  const char* by_slot = R"([{"ssh": "a", "slots": 2, "rdma": [null, null, "x"]},
                            {"ssh": "b", "rdma": ["y", "z", null]}])";
  EXPECT_EQ(plan_of_file(by_slot).files[0].content,
            R"([[null,null,"x"],[null,null,"x"],["y","z",null]])");

  const char* by_host = R"([{"ssh": "a", "rdma": [null, "x"]}, {"ssh": "b", "rdma": ["y", null]}])";
  EXPECT_EQ(plan_of_file(by_host, {"-n", "2"}).files[0].content,
            R"([[null,null,"x","x"],[null,null,"x","x"],["y","y",null,null],["y","y",null,null]])");
  EXPECT_THAT(plan_of({"--hosts", "a,b"}).files, IsEmpty());
}

TEST_F(PlanTest, RefusesContradictions) {
  const struct {
    Words words;
    const char* error;
  } rows[] = {
      {{"-n", "4", "--stdin", "9"}, "--stdin: there is no rank 9, the last of the job is 3"},
      {{"-n", "4", "--quiet-ranks", "1-4"}, "--quiet-ranks: there is no rank 4"},
      {{"--mpi-arg", "-v"}, "--mpi-arg is for the backend mpi"},
      {{"--mpi-arg", "-v", "--backend", "ring"}, "--mpi-arg is for the backend mpi"},
      {{"--cwd", "/no/such/folder"}, "--cwd: no such folder: /no/such/folder"},
      {{"--hostfile", "/no/such/file"}, "Cannot read the hostfile /no/such/file"},
      {{"--hosts", "a,b", "-n", "4096"}, "Too many ranks: got 8192, expected up to 4096"},
      {{"-n", "10", "-p", "65530"}, "would listen on port 65540"},
  };
  for (const auto& row : rows) EXPECT_THAT(error_of(row.words), HasSubstr(row.error));
  EXPECT_EQ(error_of({"-n", "5", "-p", "65530", "--stdin", "4", "--quiet-ranks", "0-4"}),
            "no error");
  EXPECT_EQ(error_of({"--backend", "mpi", "--mpi-arg", "-v"}), "no error");
  EXPECT_EQ(error_of({"--hosts", "a", "--cwd", "/only/there"}), "no error");
}

TEST_F(PlanTest, IsDescribed) {
  const Options options =
      options_of({"--hosts", "localhost,me@b", "-n", "2", "--backend", "ring", "--env", "A=x y",
                  "-p", "5000", "--cwd", "/", "--ssh", "ssh -F f"});
  const std::string text = describe(make_plan(options, {}), options);
  for (const char* line :
       {"4 ranks on 2 hosts, backend ring\n", "command: train 'it'\\''s'\n", "folder: /\n",
        "environment: MLX_BACKEND=ring A='x y'\n", "localhost (here)\n", "b (by ssh -F f ",
        "me@b)\n", "  rank 3, local rank 1: MLX_DATA_ADDRESSES='*:5004'\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  const Options slurm = options_of({});
  EXPECT_THAT(describe(make_plan(slurm, kSlurm), slurm), HasSubstr("n2 (by srun "));
}

}  // namespace
}  // namespace mlx::launch
