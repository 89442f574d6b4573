// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/direct_file.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace pagewire::kernelpath {

namespace {

std::size_t page_bytes() noexcept
{
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

core::DirectIoAlignment alignment_of(int fd, const std::string& path)
{
    std::string why;
    const auto alignment = core::direct_io_alignment(fd, why);
    if (!alignment)
        throw core::TransferError(fmt::format("{}: no direct I/O: {}", path, why));
    return *alignment;
}

} // namespace

DirectFile::DirectFile(const core::TransferJob& job)
    : job_(job),
      file_(core::checked(::open(job.path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC),
                          "open(O_DIRECT)", job.path)),
      alignment_(alignment_of(file_.get(), job.path))
{}

std::size_t DirectFile::buffer_bytes(std::size_t bytes) const noexcept
{
    const std::size_t page = page_bytes();
    return (block_ceil(bytes) + block_bytes() + page - 1) / page * page;
}

core::Mapping DirectFile::buffers(std::size_t bytes, std::size_t count,
                                  core::Mapping::Pages pages) const
{
    if (alignment_.memory > page_bytes())
        throw core::TransferError(
            fmt::format("{}: direct I/O wants buffers at multiples of {} bytes: more than a page",
                        job_.path, alignment_.memory));
    return core::Mapping::anonymous(buffer_bytes(bytes) * count, pages);
}

std::span<const std::byte> DirectFile::read(const core::ByteRange& range,
                                            std::span<std::byte> buffer,
                                            const TcpStream& stream) const
{
    const std::uint64_t from = block_floor(range.offset);
    const std::uint64_t length =
        std::min<std::uint64_t>(block_floor(buffer.size()), block_ceil(range.end()) - from);
    ssize_t got = -1;
    while ((got = ::pread(file_.get(), buffer.data(), length, static_cast<off_t>(from))) < 0 &&
           errno == EINTR)
        stream.check();
    if (got < 0)
        core::throw_errno("pread(O_DIRECT)", job_.path);
    const std::uint64_t end = std::min(from + static_cast<std::uint64_t>(got), range.end());
    if (end <= range.offset)
        throw_file_ended(job_, end);
    return buffer.subspan(range.offset - from, end - range.offset);
}

} // namespace pagewire::kernelpath
