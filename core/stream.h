#pragma once

// A stream is an ordered queue of work on one device.

#include <vector>

#include "mlx/core/device.h"

namespace mlx::core {

struct Stream {  ///< a name; copies name the same queue
  int index;
  Device device;

  explicit Stream(int index, Device device) : index(index), device(device) {}

  bool operator==(const Stream&) const = default;
  bool operator<(const Stream& rhs) const;
};

/// A name for one stream in each thread that uses it.
struct ThreadLocalStream : public Stream {
  using Stream::Stream;
};

/// The calling thread's default stream of a device.
/// Errors: std::invalid_argument if the device is not available.
Stream default_stream(Device d);

/// Makes `s` the calling thread's default stream of its device.
void set_default_stream(Stream s);

/// A new stream, to be used by the calling thread.
Stream new_stream(Device d);

/// A new stream that any thread may use.
Stream new_thread_unsafe_stream(Device d);

/// A name that stands for a stream of its own in every thread.
ThreadLocalStream new_thread_local_stream(Device d);

/// The calling thread's stream behind such a name.
Stream stream_from_thread_local_stream(ThreadLocalStream tls);

/// Every stream of the process.
std::vector<Stream> get_streams();

/// Waits until the stream's work is done (without argument: the default
/// stream's) and rethrows the first error that happened in it.
void synchronize();
void synchronize(Stream s);
void synchronize(ThreadLocalStream s);

/// Ends the calling thread's streams after their work is done.
void clear_streams();

}  // namespace mlx::core
