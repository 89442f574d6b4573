// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "testbed/ledger/figures.hpp"

#include <algorithm>

namespace pagewire::testbed {

/// The ledger's figure that says what a step of a byte's path costs, and what it counts.
struct StepFigure {
    Figure LedgerFigures::*figure = nullptr; ///< nullptr: nothing moves
    const char* unit = "";

    /// Its name in the document; nullptr without a figure.
    [[nodiscard]] const char* name() const
    {
        const auto* const named =
            std::find_if(kLedgerFigures.begin(), kLedgerFigures.end(),
                         [this](const NamedFigure& known) { return known.figure == figure; });
        return named == kLedgerFigures.end() ? nullptr : named->name;
    }
};

[[nodiscard]] constexpr StepFigure step_figure(core::StepCost cost)
{
    switch (cost) {
    case core::StepCost::kDiskDma:
        return {.figure = &LedgerFigures::dma_disk_per_byte, .unit = "DMA"};
    case core::StepCost::kCopyToUser:
        return {.figure = &LedgerFigures::copies_to_user_per_byte, .unit = "copies"};
    case core::StepCost::kCopyToKernel:
        return {.figure = &LedgerFigures::copies_to_kernel_per_byte, .unit = "copies"};
    case core::StepCost::kCopyAtTransmit:
        return {.figure = &LedgerFigures::copies_at_transmit_per_byte, .unit = "copies"};
    case core::StepCost::kNicDma:
        return {.figure = &LedgerFigures::dma_nic_per_byte, .unit = "DMA"};
    case core::StepCost::kNone:
        break;
    }
    return {};
}

} // namespace pagewire::testbed
