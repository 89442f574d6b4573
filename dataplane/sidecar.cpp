// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/sidecar.hpp"

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace pagewire::dataplane {

namespace {

constexpr std::size_t kReadBytes = core::kMiB;

/// Takes a stream piece by piece and sums it packet by packet.
class PacketSums {
  public:
    PacketSums(const SidecarStream& stream, const Segmenter& segmenter,
               std::vector<std::uint16_t>& sums)
        : stream_(stream),
          segmenter_(segmenter),
          sums_(sums),
          position_(stream.begin)
    {
        next_packet();
    }

    /// The stream's next octets.
    void add(std::span<const std::byte> octets)
    {
        while (!octets.empty() && position_ < stream_.end) {
            const auto piece = octets.first(std::min(octets.size(), rest_of_packet_));
            sum_.add(piece);
            octets = octets.subspan(piece.size());
            position_ += piece.size();
            rest_of_packet_ -= piece.size();
            if (rest_of_packet_ == 0) {
                sums_.push_back(sum_.folded());
                next_packet();
            }
        }
    }

    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  private:
    void next_packet()
    {
        sum_ = {};
        rest_of_packet_ =
            position_ < stream_.end ? segmenter_.payload_bytes(position_, stream_.end) : 0;
    }

    const SidecarStream& stream_;
    const Segmenter& segmenter_;
    std::vector<std::uint16_t>& sums_;
    std::uint64_t position_;
    std::size_t rest_of_packet_ = 0;
    core::OnesComplementSum sum_;
};

} // namespace

ChecksumSidecar ChecksumSidecar::of_file(const std::string& path, const SidecarStream& stream,
                                         const Segmenter& segmenter)
{
    const core::UniqueFd file(core::checked(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC),
                                            "open(O_DIRECT)", path));
    const core::Mapping buffer = core::Mapping::anonymous(kReadBytes);
    ChecksumSidecar sidecar;
    PacketSums sums(stream, segmenter, sidecar.sums_);
    for (std::uint64_t at = 0; sums.position() < stream.end;) {
        const ssize_t got = ::pread(file.get(), buffer.data(), kReadBytes,
                                    static_cast<off_t>(stream.base_offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            core::throw_errno("read", path);
        const auto bytes = static_cast<std::size_t>(got);
        if (bytes == 0)
            throw core::TransferError(fmt::format("{}: ends at byte {}, before its range does",
                                                  path, stream.base_offset + at));
        const std::uint64_t skip = stream.begin > at ? stream.begin - at : 0;
        if (skip < bytes)
            sums.add(buffer.bytes().first(bytes).subspan(skip));
        at += bytes;
    }
    return sidecar;
}

ChecksumSidecar ChecksumSidecar::of_memory(std::span<const std::byte> memory,
                                           const PacketMemoryLayout& layout,
                                           const SidecarStream& stream, const Segmenter& segmenter)
{
    ChecksumSidecar sidecar;
    PacketSums sums(stream, segmenter, sidecar.sums_);
    while (sums.position() < stream.end) {
        const std::uint64_t rest_of_slot =
            layout.slot_bytes - sums.position() % layout.frame_bytes % layout.slot_bytes;
        sums.add(memory.subspan(layout.addr_of(sums.position()),
                                std::min(rest_of_slot, stream.end - sums.position())));
    }
    return sidecar;
}

} // namespace pagewire::dataplane
