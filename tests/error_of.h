#pragma once

#include <gtest/gtest.h>

#include <string>

namespace mlx::core {

/// The message of the error of type E that `body` throws; anything else fails the test.
template <typename E, typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return {};
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace mlx::core
