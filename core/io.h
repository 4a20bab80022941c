#pragma once

// Arrays in files: NumPy's .npy and .npz, safetensors and GGUF.
//
// Loading reads the header at once and the data when it is evaluated, so that
// a large file costs nothing until its arrays are used. Large arrays then are
// the file's pages, mapped, which all processes of a host share. Saving to a file
// is atomic: whatever happens, the path holds the old content or the new one.
// docs/guide/saving.md tells more.
//
// Errors of every function below: std::runtime_error, naming the file, if it
// cannot be read or written or its content is not what the format prescribes.

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

// Where arrays are loaded from and saved to. Derive from these to use
// something else than files.
namespace io {

/// Bytes that stay the same. Arrays read from it when they are evaluated,
/// perhaps from several threads at once.
class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  /// Names the source in errors.
  virtual std::string label() const = 0;
  /// Bytes in all.
  virtual size_t size() const = 0;
  /// Fills `data` with the `count` bytes at `offset`.
  /// Errors: std::runtime_error if they cannot be read.
  virtual void read(char* data, size_t count, size_t offset) = 0;
  /// Memory at a multiple of `alignment` that is the `count` bytes at `offset`
  /// while the result lives: an array then needs no copy of them. It may be
  /// written to, which must not change what others read.
  /// Null if there is none, as here: the bytes are read().
  virtual std::shared_ptr<char> map(size_t /*count*/, size_t /*offset*/, size_t /*alignment*/) {
    return nullptr;
  }
};

/// Takes bytes, one after the other.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// Names the destination in errors.
  virtual std::string label() const = 0;
  /// Errors: std::runtime_error if they cannot be written.
  virtual void write(const char* data, size_t count) = 0;
  /// Called after the last byte. A writer destroyed without it was abandoned.
  virtual void finish() {}
};

}  // namespace io

/// Writes one array as .npy, version 1.0, in row-major order; appends ".npy" to
/// a file name that lacks it.
///
/// Dtypes: all; bfloat16 is written as V2, as MLX does.
void save(std::shared_ptr<io::Writer> out_stream, array a);
void save(std::string file, array a);

/// Reads one array from .npy: versions 1 to 3, either byte order, row-major or
/// column-major.
///
/// Dtypes: bool, integers, floats, complex64; two-byte V is bfloat16.
/// Errors: std::invalid_argument if the file's extension is that of another
///         format, besides those above.
array load(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s = {});
array load(std::string file, StreamOrDevice s = {});

/// Reads the arrays of a .npz file by their names without ".npy": stored or
/// deflated members, of any size. A deflated array takes its inflated size when
/// it is evaluated, nothing before.
///
/// Dtypes: those of load().
/// Errors: std::runtime_error also for encrypted members, other compressions,
///         members that overlap, and checksums that do not match (at evaluation).
std::unordered_map<std::string, array> load_npz(std::shared_ptr<io::Reader> in_stream,
                                                StreamOrDevice s = {});
std::unordered_map<std::string, array> load_npz(const std::string& file, StreamOrDevice s = {});

/// Writes arrays as a .npz file, which NumPy reads; appends ".npz" to a file
/// name that lacks it. The bytes depend on the names and values only. MLX has
/// this in Python only, as savez and savez_compressed.
///
/// Dtypes: those of save().
/// Errors: std::invalid_argument if a name is longer than 64 KiB.
void save_npz(std::shared_ptr<io::Writer> out_stream, std::unordered_map<std::string, array> arrays,
              bool compressed = false);
void save_npz(std::string file, std::unordered_map<std::string, array> arrays,
              bool compressed = false);

/// Arrays by name, and the metadata.
using SafetensorsLoad =
    std::pair<std::unordered_map<std::string, array>, std::unordered_map<std::string, std::string>>;

/// Reads a safetensors file.
///
/// Dtypes: all of ours; F64 too, which MLX refuses. The 8-bit floats F8_E4M3,
///         F8_E5M2 and F8_E8M0 load as uint8 bits.
SafetensorsLoad load_safetensors(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s = {});
SafetensorsLoad load_safetensors(const std::string& file, StreamOrDevice s = {});

/// Writes a safetensors file, the widest dtypes first so that every tensor is
/// aligned; appends ".safetensors" to a file name that lacks it. The bytes
/// depend on the names and values only.
///
/// Dtypes: all; float64 is written as F64, which MLX cannot read.
/// Errors: std::invalid_argument if a name or the metadata is not UTF-8, or an
///         array is called "__metadata__".
void save_safetensors(std::shared_ptr<io::Writer> in_stream,
                      std::unordered_map<std::string, array> arrays,
                      std::unordered_map<std::string, std::string> metadata = {});
void save_safetensors(std::string file, std::unordered_map<std::string, array> arrays,
                      std::unordered_map<std::string, std::string> metadata = {});

/// A value of GGUF's metadata: a number or a list of numbers, a text, texts.
using GGUFMetaData = std::variant<std::monostate, array, std::string, std::vector<std::string>>;
/// Arrays by name, and the metadata.
using GGUFLoad = std::pair<std::unordered_map<std::string, array>,
                           std::unordered_map<std::string, GGUFMetaData>>;

/// Reads a GGUF file, version 2 or 3.
///
/// Q4_0, Q4_1 and Q8_0 stay quantized, affinely in groups of 32, as
/// quantized_matmul takes them: a tensor x.weight gives x.weight (uint32),
/// x.scales and x.biases (float16). Q5_0, Q5_1, Q2_K to Q6_K and Q8_K become
/// float16.
///
/// Dtypes: F32, F16, BF16, F64, I8, I16, I32 and I64 are loaded as they are;
///         float64 in the metadata becomes float32.
/// Errors: std::runtime_error also for other types and lists of lists.
GGUFLoad load_gguf(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s = {});
GGUFLoad load_gguf(const std::string& file, StreamOrDevice s = {});

/// Writes a GGUF file, version 3, aligned to 32 bytes; appends ".gguf" to a file
/// name that lacks it. The bytes depend on the names and values only.
///
/// Dtypes: signed integers, floats; in the metadata bool, integers, float32 and
///         float64. MLX cannot write bfloat16, float64 and int64 arrays.
/// Errors: std::invalid_argument for other dtypes, more than 8 dimensions (1 in
///         the metadata), and metadata without a value.
void save_gguf(std::shared_ptr<io::Writer> out_stream,
               std::unordered_map<std::string, array> array_map,
               std::unordered_map<std::string, GGUFMetaData> meta_data = {});
void save_gguf(std::string file, std::unordered_map<std::string, array> array_map,
               std::unordered_map<std::string, GGUFMetaData> meta_data = {});

}  // namespace mlx::core
