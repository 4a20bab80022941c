#include "mlx/launch/command_line.h"

#include "mlx/launch/error.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

// The names of an option and of its value, and a description in lines of some 70 letters.
class HelpText : public CLI::Formatter {
 public:
  HelpText(const std::string& program, const std::vector<std::string>& usages) {
    for (const std::string& usage : usages) {
      usage_ += (usage_.empty() ? "Usage: " : "       ") + program + " " + usage + "\n";
    }
  }
  std::string make_usage(const CLI::App*, std::string) const override { return usage_; }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return "";
    const std::string type = option->get_type_name();  // "N:INT in [1 - 4096]"
    return " " + type.substr(0, type.find(':'));
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    constexpr size_t kWidth = 70;
    std::string text;
    size_t begin_of_line = 0;
    for (const std::string& word : words_of(option->get_description())) {
      const bool fits = text.size() + 1 + word.size() - begin_of_line <= kWidth;
      if (!text.empty()) text += fits ? ' ' : '\n';
      if (!fits) begin_of_line = text.size();
      text += word;
    }
    return text;
  }

 private:
  std::string usage_;
};

}  // namespace

CommandLine::CommandLine(const std::string& program, const std::string& purpose,
                         const std::vector<std::string>& usages, const std::string& footer)
    : app_(purpose, program) {
  app_.formatter(std::make_shared<HelpText>(program, usages));
  app_.footer(footer);
  app_.set_version_flag("--version", program + " " + MLX_VERSION, "Print the version and exit");
  app_.set_help_flag("-h,--help", "Print this help and exit");
}

std::optional<Answer> CommandLine::parse(const std::vector<std::string>& arguments,
                                         const std::function<void()>& make_sense) {
  try {
    app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    make_sense();
  } catch (const CLI::CallForHelp&) {
    return Answer{app_.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return Answer{std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return wrong_usage(error.what());
  } catch (const std::invalid_argument& error) {
    return wrong_usage(error.what());
  }
  return std::nullopt;
}

Answer CommandLine::wrong_usage(const std::string& text) const {
  const std::string program = app_.get_name();
  return {program + ": " + text + "\nSee " + program + " --help.\n", LaunchError::kUsage};
}

CLI::Option* repeatable(CLI::Option* option) {
  return option->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace mlx::launch
