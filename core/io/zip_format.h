#pragma once

// The numbers of the ZIP format (PKWARE's APPNOTE 6.3) that reader and writer share.

#include <cstddef>
#include <cstdint>

namespace mlx::core::io::zip {

// Each record begins with its signature.
inline constexpr uint32_t kLocalHeader = 0x04034b50;
inline constexpr uint32_t kDirectoryEntry = 0x02014b50;
inline constexpr uint32_t kEnd = 0x06054b50;
inline constexpr uint32_t kEnd64 = 0x06064b50;
inline constexpr uint32_t kEnd64Locator = 0x07064b50;
inline constexpr uint32_t kDescriptor = 0x08074b50;

// Bytes of the fixed parts.
inline constexpr size_t kLocalHeaderBytes = 30;
inline constexpr size_t kDirectoryEntryBytes = 46;
inline constexpr size_t kEndBytes = 22;
inline constexpr size_t kEnd64Bytes = 56;
inline constexpr size_t kEnd64LocatorBytes = 20;

/// The version that has 64-bit sizes.
inline constexpr uint16_t kVersion = 45;

inline constexpr uint16_t kStored = 0;
inline constexpr uint16_t kDeflated = 8;

inline constexpr uint16_t kIsEncrypted = 1 << 0;
/// Size and checksum follow the member's bytes.
inline constexpr uint16_t kHasDescriptor = 1 << 3;
inline constexpr uint16_t kIsUtf8 = 1 << 11;

/// An extra field of any length, by which Android's zipalign makes a member's
/// bytes begin at a multiple of the number in it.
inline constexpr uint16_t kExtraAlignment = 0xD935;

/// The extra field with the 64-bit sizes, and what stands in their usual places.
inline constexpr uint16_t kExtra64 = 1;
inline constexpr uint32_t kIn64 = 0xFFFFFFFF;

}  // namespace mlx::core::io::zip
