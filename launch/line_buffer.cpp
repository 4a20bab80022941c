#include "mlx/launch/line_buffer.h"

namespace mlx::launch {

Shown LineBuffer::take(std::string_view bytes) {
  if (mode_ == Mode::raw) return {std::string(bytes), false};

  Shown out;
  size_t end = bytes.rfind('\n');
  if (end == bytes.npos && pending_.size() + bytes.size() > kLongestLine) end = bytes.size() - 1;
  if (end != bytes.npos) {
    out.text = pending_.substr(shown_);
    out.text += bytes.substr(0, end + 1);
    if (!tag_.empty()) out.text = tagged(std::move(out.text));
    pending_.clear();
    shown_ = 0;
    bytes.remove_prefix(end + 1);
  }
  pending_ += bytes;
  if (mode_ == Mode::live && pending_.find('\r') != pending_.npos) {
    out.text += std::string_view(pending_).substr(shown_);
    out.open = true;
    pending_ = open_line();  // what was overwritten is of no use
    shown_ = pending_.size();
  }
  return out;
}

Shown LineBuffer::finish() {
  if (pending_.empty()) return {};
  return take("\n");
}

std::string_view LineBuffer::open_line() const {
  // A bar that ends with '\r' shows what stands before it.
  const size_t last =
      pending_.size() < 2 ? pending_.npos : pending_.rfind('\r', pending_.size() - 2);
  return std::string_view(pending_).substr(last == pending_.npos ? 0 : last);
}

std::string LineBuffer::tagged(std::string lines) const {
  std::string out;
  out.reserve(lines.size() + lines.size() / 8);
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size() - 1);
    out += tag_;
    out.append(lines, at, end + 1 - at);
    at = end + 1;
  }
  return out;
}

}  // namespace mlx::launch
