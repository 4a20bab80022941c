#include "dataset.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "idx.h"

namespace fashion_mnist {

using mlx::core::array;

namespace {

constexpr size_t kPixels = kSide * kSide;

std::string find_file(const std::string& folder, const std::string& name) {
  for (const char* extension : {".gz", ""}) {
    const std::filesystem::path path = std::filesystem::path(folder) / (name + extension);
    if (std::filesystem::exists(path)) {
      return path.string();
    }
  }
  throw std::runtime_error("The data set is not there: " + folder + "/" + name +
                           ".gz is missing. Install it with\n"
                           "  apt-get install dataset-fashion-mnist\n"
                           "or say where it is with --data.");
}

}  // namespace

Split::Split(const std::string& images_path, const std::string& labels_path) {
  Idx images = read_idx(images_path, 3), labels = read_idx(labels_path, 1);
  if (images.shape[1] != kSide || images.shape[2] != kSide) {
    throw std::runtime_error("Wrong size of the images in " + images_path + ": got " +
                             std::to_string(images.shape[1]) + " x " +
                             std::to_string(images.shape[2]) + ", expected 28 x 28.");
  }
  if (images.shape[0] != labels.shape[0]) {
    throw std::runtime_error("Images and labels do not belong together: got " +
                             std::to_string(images.shape[0]) + " in " + images_path + " and " +
                             std::to_string(labels.shape[0]) + " in " + labels_path + ".");
  }
  if (std::any_of(labels.values.begin(), labels.values.end(),
                  [](uint8_t label) { return label >= kClasses; })) {
    throw std::runtime_error("A label in " + labels_path + " is not one of 0 to 9.");
  }
  images_ = std::move(images.values);
  labels_ = std::move(labels.values);
}

Batch Split::batch(std::span<const uint32_t> numbers) const {
  std::vector<uint8_t> images(numbers.size() * kPixels), labels(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    std::memcpy(&images[i * kPixels], &images_[numbers[i] * kPixels], kPixels);
    labels[i] = labels_[numbers[i]];
  }
  const auto count = static_cast<int64_t>(numbers.size());
  return {array(images.data(), {count, kSide, kSide, 1}, mlx::core::uint8),
          array(labels.data(), {count}, mlx::core::uint8)};
}

Dataset load_dataset(const std::string& folder) {
  return {Split(find_file(folder, "train-images-idx3-ubyte"),
                find_file(folder, "train-labels-idx1-ubyte")),
          Split(find_file(folder, "t10k-images-idx3-ubyte"),
                find_file(folder, "t10k-labels-idx1-ubyte"))};
}

}  // namespace fashion_mnist
