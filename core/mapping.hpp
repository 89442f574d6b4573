// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pagewire::core {

/// Sole owner of one mmap(2) region.
///
/// Anonymous regions are zeroed, writable, populated, and not inherited by fork (MADV_DONTFORK):
/// memory that the kernel's DMA is aimed at must not turn copy-on-write behind its back.
class Mapping {
  public:
    Mapping() noexcept = default;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    enum class Pages : std::uint8_t {
        kLarge, ///< transparent hugepages where the kernel has them: fewer segments for a disk's
                ///< DMA
        kSmall, ///< none: each page is a folio of its own
    };

    /// `bytes` is rounded up to whole pages. Throws SystemError.
    [[nodiscard]] static Mapping anonymous(std::size_t bytes, Pages pages = Pages::kLarge);

    /// On 2 MiB hugepages where enough are free, else as anonymous(); page_note() says which, and
    /// why.
    [[nodiscard]] static Mapping huge_or_anonymous(std::size_t bytes);

    /// `length` bytes of a file from `offset`, read-only and shared: page-cache pages. `offset`
    /// need not be page-aligned. Throws SystemError.
    [[nodiscard]] static Mapping file(int fd, std::uint64_t offset, std::size_t length,
                                      const std::string& name);

    /// Lays other bytes of a file over this mapping of a file, in the same place: one mmap(2) and
    /// no munmap(2). Throws SystemError; UsageError where they have no room in what was first
    /// mapped.
    void map_over(int fd, std::uint64_t offset, std::size_t length, const std::string& name);

    /// Lets go of an anonymous region's pages (madvise(2), MADV_DONTNEED): whoever still has
    /// references to them keeps them as they are, and the next touch finds new ones, zeroed. Throws
    /// SystemError.
    void discard() const;

    /// A ring that the kernel shares with user space (AF_XDP, packet sockets): populated, shared,
    /// writable.
    [[nodiscard]] static Mapping kernel_ring(int fd, std::size_t bytes, std::uint64_t page_offset,
                                             const std::string& name);

    /// `bytes` of memory that another process made (memfd_create(2)) and shares, from its start on:
    /// on a hugepage's boundary, so that its hugepages are mapped as such. Throws SystemError.
    [[nodiscard]] static Mapping shared_memory(int fd, std::size_t bytes, const std::string& name);

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

    [[nodiscard]] std::byte* data() const noexcept { return data_; }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] explicit operator bool() const noexcept { return base_ != nullptr; }

    /// Which pages back an anonymous region: "2 MiB hugepages", "32 MiB of
    /// 32 MiB on transparent hugepages", "4 KiB pages", with the reason for a fallback.
    [[nodiscard]] const std::string& page_note() const noexcept { return page_note_; }

    /// NUMA node of the region's first page, which must be populated; -1: the kernel does not tell.
    [[nodiscard]] int numa_node() const noexcept;

  private:
    Mapping(void* base, std::size_t base_bytes, std::size_t skip, std::size_t size) noexcept;

    void* base_ = nullptr;
    std::size_t base_bytes_ = 0;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::string page_note_;
};

inline constexpr std::size_t kHugePageBytes = 2U << 20U;

/// Populates memory that is mapped already, anonymous or a memfd's, and moves it to transparent
/// hugepages where the kernel can (madvise(2), MADV_COLLAPSE, Linux 6.1). Returns how many bytes
/// it has moved; never fails otherwise.
std::size_t collapse_to_huge_pages(std::span<std::byte> memory) noexcept;

} // namespace pagewire::core
