// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "dataplane/engine.hpp"
#include "dataplane/segmenter.hpp"

#include <vector>

namespace pagewire::dataplane {

/// Completes what it is given at the next reclaim(); sends nothing.
class NullEngine final : public Engine {
  public:
    explicit NullEngine(const core::TransferJob& job);

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_.bytes(); }

    /// The longest chain that any packet of the pipeline has.
    [[nodiscard]] unsigned num_segments_max() const noexcept override
    {
        return Segmenter::kSlicesMax + 1;
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override;

    [[nodiscard]] int kick() noexcept override { return 0; }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override;

    void wait(std::chrono::milliseconds) noexcept override {}

    void describe(core::TransferReport& report) const override;

  private:
    core::Mapping memory_;
    std::vector<std::uint64_t> done_;
    std::size_t num_done_ = 0;
};

} // namespace pagewire::dataplane
