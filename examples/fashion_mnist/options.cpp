#include "options.h"

#include <CLI/CLI.hpp>

namespace fashion_mnist {

Options read_options(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Trains a classifier of Fashion-MNIST, data-parallel over the ranks of the job:\n"
      "  mlx-launch -n 2 fashion_mnist --model cnn --epochs 3");
  app.option_defaults()->always_capture_default();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--model", options.model, "cnn or mlp")->check(CLI::IsMember({"cnn", "mlp"}));
  app.add_option("--epochs", options.epochs, "Passes over the data")->check(CLI::PositiveNumber);
  app.add_option("--batch-size", options.batch_size, "Images in a step, of all ranks together")
      ->check(CLI::PositiveNumber);
  app.add_option("--lr", options.learning_rate, "Highest learning rate, after a tenth of the steps")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "Decides the first parameters and the order of images");
  app.add_option("--data", options.data, "Folder with the four IDX files");
  app.add_option("--checkpoint", options.checkpoint,
                 "Safetensors file to continue from [fashion_mnist_MODEL.safetensors]");
  app.add_option("--checkpoint-every", options.checkpoint_every,
                 "Steps between checkpoints, the last step has one too; 0: an epoch")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--resume", options.resume, "Continue from the checkpoint if there is one");
  app.add_option("--limit-steps", options.limit_steps, "Stop after so many steps in all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--loss-log", options.loss_log, "File for the loss of every step");
  app.add_option("--save-params", options.save_params,
                 "Every rank writes its parameters to FILE.RANK.safetensors at the end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);  // 0: --help
  }
  if (options.checkpoint.empty()) {
    options.checkpoint = "fashion_mnist_" + options.model + ".safetensors";
  } else if (!options.checkpoint.ends_with(".safetensors")) {
    options.checkpoint += ".safetensors";
  }
  return options;
}

}  // namespace fashion_mnist
