// Our side of the comparison: a process that prepares inputs and runs functions
// on them as compare.py asks on standard input, one line each. peers.py is the
// same for the peers.
//
//   prepare FUNCTION INPUT...   makes the inputs          -> ready
//   measure SECONDS             runs for about that long  -> median milliseconds
//   save FILE                   the first result, as .npy -> saved
//   release                     forgets the inputs        -> released
//
// An INPUT is DTYPE:SIZExSIZE...:KIND, where KIND is normal, uniform=LOW,HIGH,
// below=N (integers from 0), quantized=BITS (words, scales and biases: three
// inputs) or file=PATH (.npy). Anything that fails answers "error: ...".
//
// bench_compare --plot FILE draws "RATIO NAME" lines of standard input.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "bars.h"
#include "functions.h"
#include "mlx/core/io.h"
#include "mlx/core/memory.h"
#include "mlx/core/ops.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"

namespace mlx::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

// A call that takes longer is not repeated: its first one counts.
constexpr Milliseconds kSlow{1000};
constexpr size_t kFewest = 3;

std::map<std::string, Function> all_functions() {
  std::map<std::string, Function> all;
  for (const auto& family :
       {elementwise_functions(), reduction_functions(), layer_functions(), product_functions(),
        selection_functions(), algorithm_functions(), yardsticks()}) {
    all.insert(family.begin(), family.end());
  }
  return all;
}

core::Dtype dtype_named(const std::string& name) {
  static const std::map<std::string, core::Dtype> dtypes = {
      {"bool", core::bool_},         {"int32", core::int32},     {"uint32", core::uint32},
      {"float32", core::float32},    {"float16", core::float16}, {"bfloat16", core::bfloat16},
      {"complex64", core::complex64}};
  return dtypes.at(name);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

Arrays make_input(const std::string& description) {
  const std::vector<std::string> parts = split(description, ':');
  if (parts.size() != 3) throw std::invalid_argument("not an input: " + description);
  const core::Dtype dtype = dtype_named(parts[0]);
  core::Shape shape;
  for (const std::string& size : split(parts[1], 'x')) shape.push_back(std::stoi(size));
  const std::string kind = parts[2].substr(0, parts[2].find('='));
  const std::string value = parts[2].substr(std::min(kind.size() + 1, parts[2].size()));
  if (kind == "normal") return {core::astype(core::random::normal(shape), dtype)};
  if (kind == "below") {
    const core::array high(std::stoi(value));
    return {core::astype(core::random::randint(core::array(0), high, shape), dtype)};
  }
  if (kind == "uniform") {
    const std::vector<std::string> ends = split(value, ',');
    const core::array low(std::stof(ends.at(0))), high(std::stof(ends.at(1)));
    return {core::astype(core::random::uniform(low, high, shape), dtype)};
  }
  if (kind == "quantized") return core::quantize(core::random::normal(shape), 64, std::stoi(value));
  if (kind == "file") return {core::astype(core::load(value), dtype)};
  throw std::invalid_argument("not a kind of input: " + kind);
}

class Session {
 public:
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb, word;
    words >> verb;
    if (verb == "prepare") {
      words >> word;
      function_ = functions_.at(word);
      inputs_.clear();
      while (words >> word) {
        for (const core::array& input : make_input(word)) inputs_.push_back(input);
      }
      core::eval(inputs_);
      return "ready";
    }
    words >> word;
    if (verb == "measure") return std::to_string(measure(Milliseconds(1000 * std::stod(word))));
    if (verb == "save") {
      core::save(word, core::contiguous(core::astype(function_(inputs_).at(0), core::float32)));
      return "saved";
    }
    inputs_.clear();
    core::clear_cache();
    return "released";
  }

 private:
  // The result dies within the measured time, as it does in peers.py.
  Milliseconds once() const {
    const auto begin = Clock::now();
    {
      const Arrays results = function_(inputs_);
      core::eval(results);
    }
    return Clock::now() - begin;
  }

  double measure(Milliseconds budget) const {
    const Milliseconds first = once();
    if (first > kSlow) return first.count();
    once();
    std::vector<Milliseconds> times;
    for (Milliseconds total{0}; total < budget || times.size() < kFewest; total += times.back()) {
      times.push_back(once());
    }
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return middle->count();
  }

  std::map<std::string, Function> functions_ = all_functions();
  Function function_ = nullptr;
  Arrays inputs_;
};

}  // namespace
}  // namespace mlx::bench

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--plot") {
    mlx::bench::write_bars(std::cin, argv[2]);
    return 0;
  }
  mlx::bench::Session session;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << session.answer(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error: " << error.what() << std::endl;
    }
  }
  return 0;
}
