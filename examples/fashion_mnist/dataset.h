#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mlx/core/array.h"

namespace fashion_mnist {

constexpr int kClasses = 10;
constexpr int64_t kSide = 28;  // of an image, in pixels

/// A batch: images [N, 28, 28, 1] uint8 and labels [N] uint8.
struct Batch {
  mlx::core::array images;
  mlx::core::array labels;
};

/// Images and the classes they show.
class Split {
 public:
  /// Errors: std::runtime_error if a file is bad or the two do not belong together.
  Split(const std::string& images_path, const std::string& labels_path);

  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  /// The images with these numbers.
  Batch batch(std::span<const uint32_t> numbers) const;

 private:
  std::vector<uint8_t> images_;
  std::vector<uint8_t> labels_;
};

struct Dataset {
  Split train;
  Split test;
};

/// Reads the four files from a folder.
/// Errors: std::runtime_error; for a missing folder or file it says how to install them.
Dataset load_dataset(const std::string& folder);

}  // namespace fashion_mnist
