#pragma once

// The attributes of an operation: any plain struct with a defaulted ==.

#include <memory>
#include <type_traits>
#include <utility>

namespace mlx::core {

/// Holds one attribute struct, or nothing. Copies share it; it never changes.
///
///   struct Axes { std::vector<int> axes; bool operator==(const Axes&) const = default; };
///   Attrs attrs(Axes{{0, 1}});
///   attrs.get<Axes>().axes
class Attrs {
 public:
  Attrs() = default;
  template <typename T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Attrs>) explicit Attrs(T value)
      : holder_(std::make_shared<Holder<T>>(std::move(value))) {}

  /// The struct. T must be the type that was put in.
  template <typename T>
  const T& get() const {
    return static_cast<const Holder<T>*>(holder_.get())->value;
  }

  explicit operator bool() const { return holder_ != nullptr; }

  friend bool operator==(const Attrs& a, const Attrs& b) {
    return a.holder_ == b.holder_ || (a.holder_ && b.holder_ && a.holder_->equals(*b.holder_));
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual bool equals(const Base& other) const = 0;
  };
  template <typename T>
  struct Holder final : Base {
    explicit Holder(T v) : value(std::move(v)) {}
    bool equals(const Base& other) const override {
      const auto* same = dynamic_cast<const Holder*>(&other);
      return same != nullptr && same->value == value;
    }
    T value;
  };

  std::shared_ptr<const Base> holder_;
};

}  // namespace mlx::core
