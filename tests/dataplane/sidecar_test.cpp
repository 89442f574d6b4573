// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/sidecar.hpp"

#include "core/checksum.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

namespace pagewire::dataplane {
namespace {

/// RFC 1071 §1, taken literally.
std::uint16_t slow_sum(std::span<const std::byte> octets)
{
    return static_cast<std::uint16_t>(~core::checksum_finish(core::checksum_add(0, octets)));
}

class Sidecar : public ::testing::TestWithParam<std::uint32_t> {};

/// The sum of each packet's payload as the pipeline would cut it, for a range that begins anywhere.
TEST_P(Sidecar, HasTheSumOfEachPacket)
{
    const tests::TempFolder folder;
    const auto content = tests::random_bytes(3'000'000, 1);
    const std::string path = folder.write("data", content);
    const auto layout = PacketMemoryLayout::fit(1 << 20, 64, 64 << 10);
    const Segmenter segmenter(layout, {.payload_bytes_max = GetParam(), .num_slices_max = 17});
    for (const std::uint64_t begin : {0, 1, 4095}) {
        const SidecarStream stream{.begin = begin, .end = begin + 2'500'001, .base_offset = 8192};
        const auto sidecar = ChecksumSidecar::of_file(path, stream, segmenter);
        std::uint64_t sequence = 0;
        for (std::uint64_t at = stream.begin; at < stream.end; ++sequence) {
            const std::uint32_t bytes = segmenter.payload_bytes(at, stream.end);
            const auto payload = std::span(content).subspan(8192 + at, bytes);
            ASSERT_EQ(sidecar.payload_sum(sequence) % 0xffff, slow_sum(payload) % 0xffff)
                << "packet " << sequence;
            at += bytes;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Payloads, Sidecar, ::testing::Values(524, 1447, 1448, 8948, 65483));

TEST(Sidecar, OfMemoryGoesRoundAndRound)
{
    for (const bool headroom : {false, true}) {
        const auto layout = headroom ? PacketMemoryLayout::fit_headroom(128 << 10, 1024, 16 << 10)
                                     : PacketMemoryLayout::fit(128 << 10, 64, 16 << 10);
        const auto memory = tests::random_bytes(128 << 10, 2);
        const Segmenter segmenter(layout, {.payload_bytes_max = 8948, .num_slices_max = 17});
        const SidecarStream stream{.begin = 7, .end = 3 * layout.frames_bytes() + 11};
        const auto sidecar = ChecksumSidecar::of_memory(memory, layout, stream, segmenter);
        std::uint64_t sequence = 0;
        for (std::uint64_t at = stream.begin; at < stream.end; ++sequence) {
            const std::uint32_t bytes = segmenter.payload_bytes(at, stream.end);
            std::vector<std::byte> payload;
            for (std::uint32_t i = 0; i < bytes; ++i)
                payload.push_back(memory[layout.addr_of(at + i)]);
            ASSERT_EQ(sidecar.payload_sum(sequence) % 0xffff, slow_sum(payload) % 0xffff);
            at += bytes;
        }
    }
}

} // namespace
} // namespace pagewire::dataplane
