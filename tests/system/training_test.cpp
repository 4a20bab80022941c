// The main job as a user runs it: mlx-launch with the Fashion-MNIST program,
// on a small data set made here.

#include <gmock/gmock.h>
#include <signal.h>
#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <sstream>
#include <thread>

#include "job.h"

namespace mlx {
namespace {

namespace fs = std::filesystem;
using test::Job;
using test::Outcome;
using test::read_file;
using test::Seconds;
using testing::HasSubstr;
using testing::Not;

constexpr int kTrainImages = 640, kTestImages = 200;

void append_size(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
}

std::string idx_header(const std::vector<uint32_t>& shape) {
  std::string out;
  append_size(out, 0x0800 | static_cast<uint32_t>(shape.size()));
  for (uint32_t size : shape) {
    append_size(out, size);
  }
  return out;
}

void write_gzip(const fs::path& path, const std::string& content) {
  gzFile file = gzopen(path.c_str(), "wb1");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
            static_cast<int>(content.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
}

/// Images of noise with a bright row that tells the class, and one label in
/// ten wrong, so that the loss stays well above 0.
void write_split(const fs::path& folder, const std::string& name, uint32_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string images = idx_header({count, 28, 28}), labels = idx_header({count});
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t shown = random() % 10;
    for (uint32_t pixel = 0; pixel < 28 * 28; ++pixel) {
      const uint32_t light = pixel / 28 == 2 * shown + 4 ? 128 : 0;
      images += static_cast<char>(light + random() % 96);
    }
    labels += static_cast<char>(random() % 10 == 0 ? random() % 10 : shown);
  }
  write_gzip(folder / (name + "-images-idx3-ubyte.gz"), images);
  write_gzip(folder / (name + "-labels-idx1-ubyte.gz"), labels);
}

class TrainingTest : public testing::Test {
 protected:
  TrainingTest() {
    std::string name = (fs::temp_directory_path() / "training_test.XXXXXX").string();
    folder_ = mkdtemp(name.data());
    data_ = folder_ / "data";
    fs::create_directory(data_);
    write_split(data_, "train", kTrainImages, 1);
    write_split(data_, "t10k", kTestImages, 2);
  }
  ~TrainingTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// The program's command line, with files of its own that begin with `name`.
  std::vector<std::string> program(const std::string& name,
                                   const std::vector<std::string>& options) const {
    std::vector<std::string> command = {FASHION_MNIST,
                                        "--data",
                                        data_.string(),
                                        "--checkpoint",
                                        path(name + ".safetensors"),
                                        "--loss-log",
                                        path(name + ".log"),
                                        "--save-params",
                                        path(name),
                                        "--batch-size",
                                        "64"};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  std::unique_ptr<Job> launch(int ranks, const std::string& name,
                              const std::vector<std::string>& options,
                              const test::Variables& environment = {}) const {
    std::vector<std::string> command = {MLX_LAUNCH, "-n", std::to_string(ranks), "--"};
    const auto rest = program(name, options);
    command.insert(command.end(), rest.begin(), rest.end());
    return std::make_unique<Job>(command, folder_.string(), environment);
  }

  Outcome run(int ranks, const std::string& name, const std::vector<std::string>& options) const {
    return launch(ranks, name, options)->wait();
  }

  /// The program alone, with arguments of the caller's.
  Outcome run_alone(const std::vector<std::string>& options) const {
    std::vector<std::string> command = {FASHION_MNIST};
    command.insert(command.end(), options.begin(), options.end());
    return Job(command, folder_.string()).wait();
  }

  std::vector<double> losses(const std::string& name) const {
    std::istringstream lines(read_file(path(name + ".log")));
    std::vector<double> out;
    double step = 0, loss = 0;
    while (lines >> step >> loss) {
      out.push_back(loss);
    }
    return out;
  }

  std::string parameters(const std::string& name, int rank) const {
    return read_file(path(name + "." + std::to_string(rank) + ".safetensors"));
  }

  void wait_for_steps(Job& job, const std::string& name, size_t steps) const {
    while (losses(name).size() < steps) {
      ASSERT_TRUE(job.running()) << job.output();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  fs::path folder_;
  fs::path data_;
};

// A model and its epochs, of 10 steps each.
class Numbers : public TrainingTest,
                public testing::WithParamInterface<std::pair<std::string, int>> {};

TEST_P(Numbers, DoNotDependOnTheNumberOfRanks) {
  const auto& [model, epochs] = GetParam();
  for (int ranks : {1, 2, 4}) {
    const std::string name = std::to_string(ranks);
    const Outcome outcome =
        run(ranks, name, {"--model", model, "--epochs", std::to_string(epochs)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("test accuracy"));
    EXPECT_THAT(outcome.output, HasSubstr("images/s"));
    EXPECT_THAT(outcome.output, Not(HasSubstr("\r")));
    for (int rank = 1; rank < ranks; ++rank) {
      EXPECT_EQ(parameters(name, 0), parameters(name, rank)) << "rank " << rank;
    }
    EXPECT_FALSE(parameters(name, 0).empty());
  }
  const std::vector<double> alone = losses("1");
  ASSERT_EQ(alone.size(), static_cast<size_t>(10 * epochs));
  EXPECT_LT(alone.back(), alone.front() / 2);
  for (const char* ranks : {"2", "4"}) {
    const std::vector<double> shared = losses(ranks);
    ASSERT_EQ(shared.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) {
      EXPECT_NEAR(shared[i], alone[i], 1e-3 * alone[i]) << ranks << " ranks, step " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Numbers,
                         testing::Values(std::pair("mlp", 10), std::pair("cnn", 3)));

TEST_F(TrainingTest, AKilledRunResumesWithTheSameNumbers) {
  const std::vector<std::string> options = {"--model", "mlp", "--epochs", "4"};
  const Outcome whole = run(2, "whole", options);
  ASSERT_EQ(whole.exit_code, 0) << whole.output;

  auto killed = launch(2, "part", options);
  wait_for_steps(*killed, "part", 15);
  kill(killed->rank(1), SIGKILL);
  EXPECT_NE(killed->wait().exit_code, 0);
  ASSERT_TRUE(fs::exists(path("part.safetensors")));
  fs::remove(path("part.log"));

  const Outcome resumed = run(2, "part", {"--model", "mlp", "--epochs", "4", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  const std::vector<double> all = losses("whole"), rest = losses("part");
  ASSERT_GE(rest.size(), 10u);
  ASSERT_LT(rest.size(), all.size());
  EXPECT_EQ(rest, std::vector<double>(all.end() - static_cast<long>(rest.size()), all.end()));
  EXPECT_EQ(parameters("part", 0), parameters("whole", 0));
}

TEST_F(TrainingTest, ARestartedJobEndsWithTheParametersOfAnUndisturbedOne) {
  const std::vector<std::string> options = {"--model", "mlp", "--epochs", "20"};
  const Outcome whole = run(2, "whole", options);
  ASSERT_EQ(whole.exit_code, 0) << whole.output;

  std::vector<std::string> command = {MLX_LAUNCH, "--max-restarts", "1", "-n", "2", "--"};
  const auto rest =
      program("part", {"--model", "mlp", "--epochs", "20", "--checkpoint-every", "7", "--resume"});
  command.insert(command.end(), rest.begin(), rest.end());
  Job job(command, folder_.string());
  const pid_t victim = job.rank(1);
  wait_for_steps(job, "part", 12);
  ASSERT_EQ(kill(victim, SIGKILL), 0);
  const Outcome outcome = job.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("there is no checkpoint"));
  EXPECT_THAT(outcome.output, HasSubstr("Restart 1 of 1"));
  EXPECT_THAT(outcome.output, HasSubstr("Restart 1: continuing from"));
  // No more steps are repeated than lie between two checkpoints.
  EXPECT_LE(losses("part").size(), losses("whole").size() + 7);
  for (int rank : {0, 1}) {
    EXPECT_EQ(parameters("part", rank), parameters("whole", rank)) << "rank " << rank;
  }
  EXPECT_FALSE(parameters("part", 0).empty());
}

TEST_F(TrainingTest, LimitStepsStopsAndACheckpointThatDoesNotFitIsRefused) {
  const Outcome first = run(1, "a", {"--model", "mlp", "--epochs", "2", "--limit-steps", "13"});
  ASSERT_EQ(first.exit_code, 0) << first.output;
  EXPECT_EQ(losses("a").size(), 13u);
  const Outcome other = run(1, "a", {"--model", "mlp", "--epochs", "3", "--resume"});
  EXPECT_NE(other.exit_code, 0);
  EXPECT_THAT(other.output, HasSubstr("--epochs 2"));
  const Outcome none = run(1, "b", {"--model", "mlp", "--epochs", "1", "--resume"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_THAT(none.output, HasSubstr("there is no checkpoint"));
  EXPECT_EQ(losses("b").size(), 10u);
  fs::resize_file(path("a.safetensors"), fs::file_size(path("a.safetensors")) / 2);
  const Outcome half = run(1, "a", {"--model", "mlp", "--epochs", "2", "--resume"});
  EXPECT_NE(half.exit_code, 0);
  EXPECT_THAT(half.output, HasSubstr("a.safetensors"));
}

// A moment is a number of steps that are done; 0 is while the job is starting.
class KilledRank : public TrainingTest, public testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(KilledRank, EndsTheJobWithinTwoSecondsAndIsNamed) {
  const auto [rank, steps] = GetParam();
  auto job = launch(4, "run", {"--model", "mlp", "--epochs", "100000"});
  wait_for_steps(*job, "run", static_cast<size_t>(steps));
  kill(job->rank(rank), SIGKILL);
  const Outcome outcome = job->wait(Seconds{20});
  EXPECT_LT(outcome.duration.count(), 2.0) << outcome.output;
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("Rank " + std::to_string(rank)));
  EXPECT_TRUE(job->processes().empty());
}

INSTANTIATE_TEST_SUITE_P(Moments, KilledRank,
                         testing::Combine(testing::Values(0, 1, 3), testing::Values(0, 1, 25)));

TEST_F(TrainingTest, AStoppedRankEndsTheJobWithinTheHeartbeatLimit) {
  auto job = launch(3, "run", {"--model", "mlp", "--epochs", "100000", "--batch-size", "63"},
                    {{"MLX_HEARTBEAT_LIMIT", "1"}});
  wait_for_steps(*job, "run", 5);
  kill(job->rank(1), SIGSTOP);
  const Outcome outcome = job->wait(Seconds{20});
  EXPECT_LT(outcome.duration.count(), 1.0 + 2.0) << outcome.output;
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("Rank 1 "));
  EXPECT_TRUE(job->processes().empty());
}

TEST_F(TrainingTest, SaysHowToInstallAMissingDataSet) {
  const Outcome outcome = run_alone({"--data", path("nowhere")});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("apt-get install dataset-fashion-mnist"));
}

TEST_F(TrainingTest, RefusesBadOptions) {
  const Outcome unknown = run_alone({"--speed", "high"});
  EXPECT_NE(unknown.exit_code, 0);
  EXPECT_THAT(unknown.output, HasSubstr("--speed"));
  const Outcome model = run_alone({"--model", "transformer"});
  EXPECT_NE(model.exit_code, 0);
  EXPECT_THAT(model.output, HasSubstr("transformer"));
  const Outcome large = run_alone({"--data", data_.string(), "--batch-size", "641"});
  EXPECT_NE(large.exit_code, 0);
  EXPECT_THAT(large.output, HasSubstr("--batch-size"));
  const Outcome folder =
      run_alone({"--data", data_.string(), "--checkpoint", path("nowhere/x.safetensors")});
  EXPECT_NE(folder.exit_code, 0);
  EXPECT_THAT(folder.output, HasSubstr("does not exist"));
  const Outcome uneven = run(3, "run", {"--model", "mlp"});
  EXPECT_NE(uneven.exit_code, 0);
  EXPECT_THAT(uneven.output, HasSubstr("multiple of the number of ranks"));
}

struct BadFile {
  const char* name;
  std::string file;
  std::function<void(const fs::path&)> damage;
  const char* message;
};

TEST_F(TrainingTest, RefusesDamagedFiles) {
  const std::string images = "train-images-idx3-ubyte.gz", labels = "train-labels-idx1-ubyte.gz";
  const std::vector<BadFile> table = {
      {"truncated", images, [](const fs::path& p) { fs::resize_file(p, fs::file_size(p) / 2); },
       "truncated"},
      {"without its checksum", images,
       [](const fs::path& p) { fs::resize_file(p, fs::file_size(p) - 4); }, "truncated"},
      {"empty", images, [](const fs::path& p) { fs::resize_file(p, 0); }, "header"},
      {"corrupt", images,
       [](const fs::path& p) {
         std::fstream file(p, std::ios::in | std::ios::out | std::ios::binary);
         file.seekp(static_cast<std::streamoff>(fs::file_size(p) / 2));
         file << std::string(64, '\x55');
       },
       "Cannot read"},
      {"other content", labels, [](const fs::path& p) { write_gzip(p, "hello, world"); },
       "not an IDX file"},
      {"a header that lies", images,
       [](const fs::path& p) {
         write_gzip(p, idx_header({60000, 28, 28}));
       },
       "truncated"},
      {"absurd sizes", images,
       [](const fs::path& p) {
         write_gzip(p, idx_header({0xffffffff, 0xffffffff, 28}));
       },
       "more than 2^31"},
      {"small images", images,
       [](const fs::path& p) {
         write_gzip(p, idx_header({2, 3, 3}) + std::string(18, '\0'));
       },
       "28 x 28"},
      {"extra data", labels,
       [](const fs::path& p) { write_gzip(p, idx_header({1}) + std::string(2, '\0')); },
       "more data"},
      {"too few labels", labels,
       [](const fs::path& p) { write_gzip(p, idx_header({1}) + std::string(1, '\0')); },
       "do not belong together"},
      {"a label out of range", labels,
       [](const fs::path& p) {
         write_gzip(p, idx_header({kTrainImages}) + std::string(kTrainImages, '\x0b'));
       },
       "0 to 9"},
  };
  for (const BadFile& row : table) {
    SCOPED_TRACE(row.name);
    const fs::path file = data_ / row.file, backup = folder_ / "backup";
    fs::copy_file(file, backup, fs::copy_options::overwrite_existing);
    row.damage(file);
    const Outcome outcome = run_alone({"--data", data_.string()});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(row.message));
    fs::copy_file(backup, file, fs::copy_options::overwrite_existing);
  }
}

TEST_F(TrainingTest, RewritesOneLineOnATerminal) {
  Job job(program("run", {"--model", "mlp", "--epochs", "1"}), folder_.string(),
          {{"MLX_LAUNCH_TTY", "1"}});
  const Outcome outcome = job.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("\r"));
  EXPECT_THAT(outcome.output, HasSubstr("[####################]"));
}

}  // namespace
}  // namespace mlx
