// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/skb_watch.hpp"
#include "testbed/ledger/ledger.hpp"

#include <memory>

namespace pagewire::testbed {

/// The ledger's page identity for offload checks.
class LedgerSkbWatch final : public nic::SkbWatch {
  public:
    [[nodiscard]] core::Support support() const override { return ledger_.support(); }

    void start(int source_fd, const nic::NetNamespace& netns, const std::string& interface,
               std::uint32_t peer_ipv4, std::uint16_t peer_port) override;
    [[nodiscard]] nic::SkbPlaces stop() override;

  private:
    Ledger ledger_;
    std::unique_ptr<LedgerWatch> watch_;
};

} // namespace pagewire::testbed
