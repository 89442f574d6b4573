// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "core/source_file.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::kernelpath {

/// The job's file by a descriptor with O_DIRECT (open(2)): the disk's DMA writes into the reader's
/// pages, and the page cache stays out of it. Offsets, lengths and addresses of such reads are
/// multiples of what statx(2) says (STATX_DIOALIGN); a range need not be.
class DirectFile {
  public:
    /// Throws SystemError; TransferError where the file does no direct I/O.
    explicit DirectFile(const core::TransferJob& job);

    [[nodiscard]] int fd() const noexcept { return file_.get(); }

    /// Of offsets and lengths, a power of two.
    [[nodiscard]] std::uint64_t block_bytes() const noexcept { return alignment_.offset; }

    [[nodiscard]] std::uint64_t block_floor(std::uint64_t offset) const noexcept
    {
        return offset & ~(block_bytes() - 1);
    }

    [[nodiscard]] std::uint64_t block_ceil(std::uint64_t offset) const noexcept
    {
        return block_floor(offset + block_bytes() - 1);
    }

    /// What a read of up to `bytes` from any offset needs: whole blocks, one more for bytes that
    /// begin within one, rounded up to pages.
    [[nodiscard]] std::size_t buffer_bytes(std::size_t bytes) const noexcept;

    /// Memory for `count` buffers of buffer_bytes(bytes), one behind the other. Throws SystemError,
    /// TransferError (an alignment beyond a page).
    [[nodiscard]] core::Mapping
    buffers(std::size_t bytes, std::size_t count = 1,
            core::Mapping::Pages pages = core::Mapping::Pages::kLarge) const;

    /// Reads the blocks around the first of `range`, as far as they have room in `buffer` (of
    /// buffers()), by one pread(2), and returns those bytes of `range` that are in it: at least
    /// one. Throws SystemError, TransferError (the file ended; cancelled).
    [[nodiscard]] std::span<const std::byte>
    read(const core::ByteRange& range, std::span<std::byte> buffer, const TcpStream& stream) const;

  private:
    const core::TransferJob& job_;
    core::UniqueFd file_;
    core::DirectIoAlignment alignment_;
};

} // namespace pagewire::kernelpath
