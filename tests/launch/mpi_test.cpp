#include "mlx/launch/mpi.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "mlx/launch/error.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using Words = std::vector<std::string>;

// A folder with an mpirun that says what we want as its version.
class MpiTest : public testing::Test {
 protected:
  MpiTest() {
    std::string name = (fs::temp_directory_path() / "mlx-mpi-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~MpiTest() override { fs::remove_all(folder_); }

  void make_mpirun(const std::string& first_line) const {
    std::ofstream(folder_ + "/mpirun") << "#!/bin/sh\necho '" << first_line << "'; echo more\n";
    fs::permissions(folder_ + "/mpirun", fs::perms::owner_all);
  }
  std::string hostfile(const std::string& text) const {
    std::ofstream(folder_ + "/hosts.json") << text;
    return folder_ + "/hosts.json";
  }
  static Options options_of(Words words) {
    words.insert(words.end(), {"--backend", "mpi", "--", "train.py", "it's"});
    return std::get<Options>(parse_command_line(words));
  }
  static Job job_of(const Words& words, int version = 4, bool as_root = false) {
    const Options options = options_of(words);
    return over_mpirun({"/opt/mpirun", version}, make_plan(options, {}), options, 7, as_root);
  }
  static std::string command_of(const Words& words, int version = 4, bool as_root = false) {
    return join(job_of(words, version, as_root).options.command, " ");
  }
  static std::string error_of(const Words& words) {
    try {
      job_of(words);
    } catch (const LaunchError& error) {
      EXPECT_EQ(error.exit_code(), LaunchError::kUsage);
      return error.what();
    }
    return "no error";
  }

  std::string folder_;
};

TEST_F(MpiTest, KnowsTheVersionOfOpenMpi) {
  const struct {
    const char* line;
    int version;
  } rows[] = {{"mpirun (Open MPI) 4.1.4", 4},
              {"mpirun (Open MPI) 5.0.3", 5},
              {"mpirun (Open MPI) 6.0.0a1", 5}};
  for (const auto& row : rows) {
    make_mpirun(row.line);
    const MpiRun mpirun = find_mpirun("/no/such:" + folder_);
    EXPECT_EQ(mpirun.path, folder_ + "/mpirun");
    EXPECT_EQ(mpirun.version, row.version);
  }
}

TEST_F(MpiTest, RefusesAnotherMpiAndSaysHowToGetOne) {
  EXPECT_THAT([&] { find_mpirun(folder_); },
              testing::Throws<LaunchError>(testing::Property(&LaunchError::exit_code, 127)));
  EXPECT_THAT([&] { find_mpirun(folder_); },
              testing::ThrowsMessage<LaunchError>(HasSubstr("openmpi-bin")));
  for (const char* line : {"mpirun (Open MPI) 3.1.2", "Intel(R) MPI Library for Linux", ""}) {
    make_mpirun(line);
    EXPECT_THAT([&] { find_mpirun(folder_); },
                testing::ThrowsMessage<LaunchError>(
                    AllOf(HasSubstr("Open MPI 4 or newer"), HasSubstr(line))));
  }
}

TEST_F(MpiTest, StartsRanksHere) {
  for (const int version : {4, 5}) {
    const Job job = job_of({"-n", "3"}, version);
    const std::string command = join(job.options.command, " ");
    EXPECT_THAT(command, testing::StartsWith("env -u MLX_RANK "));
    EXPECT_THAT(command, HasSubstr(" /opt/mpirun -n 3 "));
    EXPECT_THAT(command, testing::EndsWith(" python3 train.py it's"));
    EXPECT_THAT(command, Not(HasSubstr("--host")));
    EXPECT_THAT(command, Not(HasSubstr("--stdin")));
    EXPECT_EQ(job.plan.ranks, 1);
    ASSERT_EQ(job.plan.hosts.size(), 1u);
    EXPECT_EQ(job.plan.hosts[0].way, Way::here);
    EXPECT_EQ(job.plan.backend, "mpi");
    EXPECT_FALSE(job.plan.on_several_hosts());
  }
}

TEST_F(MpiTest, PassesVariablesByTheEnvironment) {
  const Job job = job_of({"--env", "A=secret value", "--env", "B="});
  const std::string command = join(job.options.command, " ");
  for (const char* name : {"-x A ", "-x B ", "-x MLX_BACKEND ", "-x OMP_NUM_THREADS "}) {
    EXPECT_THAT(command, HasSubstr(name));
  }
  EXPECT_THAT(command, Not(HasSubstr("secret")));
  EXPECT_THAT(job.plan.environment, Contains(Pair("A", "secret value")));
  EXPECT_THAT(job.plan.environment, Contains(Pair("MLX_BACKEND", "mpi")));
  EXPECT_THAT(job.plan.environment, Contains(Pair("OMP_NUM_THREADS", "7")));
}

TEST_F(MpiTest, LeavesTheNumberOfThreadsToTheUser) {
  const Job job = job_of({"--env", "OMP_NUM_THREADS=2"});
  EXPECT_THAT(job.plan.environment, Contains(Pair("OMP_NUM_THREADS", "2")));
  EXPECT_THAT(job.plan.environment, Not(Contains(Pair("OMP_NUM_THREADS", "7"))));
}

TEST_F(MpiTest, SpeaksTheOptionsOfEachVersion) {
  const Words words{"-n",      "2",     "--hosts",  "a,me@b,a",  "--tag-output",
                    "--stdin", "1",     "--bind",   "core",      "--cwd",
                    "/work",   "--ssh", "ssh -F f", "--mpi-arg", "--mca btl tcp"};
  EXPECT_THAT(error_of(words), HasSubstr("same user"));
  Words same = words;
  same[3] = "me@a,me@b,me@a";
  const std::string four = command_of(same), five = command_of(same, 5);
  for (const std::string& command : {four, five}) {
    for (const char* part :
         {"-n 6 ", "--host a:4,b:2 ", "ssh -F f -T ", " BatchMode=yes ", " -l me ", "--stdin 1 ",
          "--bind-to core ", "--wdir /work ", " --mca btl tcp python3 train.py"}) {
      EXPECT_THAT(command, HasSubstr(part));
    }
  }
  for (const char* part : {"--oversubscribe ", "--tag-output ", "--mca plm_rsh_agent ssh"}) {
    EXPECT_THAT(four, HasSubstr(part));
    EXPECT_THAT(five, Not(HasSubstr(part)));
  }
  for (const char* part :
       {"--map-by :OVERSUBSCRIBE ", "--output tag ", "--prtemca plm_ssh_agent ssh"}) {
    EXPECT_THAT(five, HasSubstr(part));
    EXPECT_THAT(four, Not(HasSubstr(part)));
  }
  const Options left = job_of(same).options;
  EXPECT_FALSE(left.tag_output);
  EXPECT_EQ(left.input_rank, std::nullopt);
  EXPECT_THAT(command_of({"--stdin", "none"}), HasSubstr(" --stdin none "));
}

TEST_F(MpiTest, AllowsRootOnlyToRootAndSaysSo) {
  EXPECT_THAT(command_of({}), Not(HasSubstr("--allow-run-as-root")));
  EXPECT_THAT(job_of({}).notes, IsEmpty());
  EXPECT_THAT(command_of({}, 4, true), HasSubstr(" --allow-run-as-root "));
  EXPECT_THAT(job_of({}, 4, true).notes, ElementsAre(HasSubstr("--allow-run-as-root")));
}

TEST_F(MpiTest, RefusesWhatMpirunCannotDo) {
  EXPECT_THAT(error_of({"-n", "4", "--quiet-ranks", "1"}), HasSubstr("--quiet-ranks"));
  EXPECT_THAT(error_of({"--hosts", "a,::2"}), HasSubstr("::2: mpirun takes names and IPv4"));
  EXPECT_THAT(error_of({"--hostfile", hostfile(R"(["a", {"ssh": "b", "env": {"X": "1"}}])")}),
              HasSubstr("b: mpirun gives all ranks the same variables: got X"));
  EXPECT_THAT(error_of({"--hostfile", hostfile(R"(["a", {"ssh": "b", "port": 2222}])")}),
              HasSubstr("b: mpirun takes the same user, port and identity"));
  EXPECT_EQ(
      error_of({"--hostfile", hostfile(R"([{"ssh": "a", "port": 2}, {"ssh": "b", "port": 2}])")}),
      "no error");
}

TEST_F(MpiTest, NeedsNoAddressesOfRanks) {
  EXPECT_EQ(error_of({"--hostfile", hostfile(R"([{"ssh": "a", "ips": ["1.2.3.4"]}])")}),
            "no error");
}

// The whole way, with a program in the folder of the ranks.
TEST_F(MpiTest, MakesAJobOfAPlan) {
  make_mpirun("mpirun (Open MPI) 5.0.3");
  const std::string work = folder_ + "/work";
  fs::create_directory(work);
  std::ofstream(work + "/program") << "#!/bin/sh\n";
  fs::permissions(work + "/program", fs::perms::owner_all);
  const EnvironmentMap environment{{"PATH", folder_}};
  Options options = options_of({"-n", "2", "--cwd", work, "--bind", "none"});
  options.command = {"program", "x"};
  const Job job = mpi_job(make_plan(options, {}), options, environment);
  const std::string command = join(job.options.command, " ");
  EXPECT_THAT(command, HasSubstr(folder_ + "/mpirun "));
  EXPECT_THAT(command, HasSubstr("--map-by :OVERSUBSCRIBE"));
  EXPECT_THAT(command, testing::EndsWith(" ./program x"));
  EXPECT_THAT(job.plan.environment, Contains(testing::Key("OMP_NUM_THREADS")));

  const EnvironmentMap threads{{"PATH", folder_}, {"OMP_NUM_THREADS", "3"}};
  EXPECT_THAT(mpi_job(make_plan(options, {}), options, threads).plan.environment,
              Not(Contains(testing::Key("OMP_NUM_THREADS"))));

  options.command = {"missing"};
  EXPECT_THAT([&] { mpi_job(make_plan(options, {}), options, environment); },
              testing::Throws<LaunchError>(testing::Property(&LaunchError::exit_code, 127)));
}

}  // namespace
}  // namespace mlx::launch
