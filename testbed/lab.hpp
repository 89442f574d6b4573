// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "nic/features.hpp"
#include "nic/net_namespace.hpp"
#include "testbed/channel.hpp"
#include "testbed/ledger/ledger.hpp"
#include "testbed/plan.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace pagewire::testbed {

/// The sending end of a lab's link.
struct LabLink {
    std::string interface;
    std::uint32_t mtu = 0;
    core::LinkEnd local;
    core::LinkEnd peer;
    std::string peer_interface; ///< empty where the sink is on another machine, and finds it itself
    LedgerDevice device;        ///< the sending one
    LedgerDevice peer_device;   ///< the other end, where it is a veth of this machine
    bool emulated = false;      ///< no hardware: its DMA is none
    /// hardware that QEMU plays: its DMA is real to the driver, and timings have no meaning
    bool virtual_hardware = false;
};

/// A place to measure in: one link, its sending namespace, and a sink at the other end.
class Lab {
  public:
    [[nodiscard]] virtual const LabLink& link() const = 0;
    [[nodiscard]] virtual const nic::NetNamespace& sender_netns() const = 0;

    /// The control channel of a living sink; a dead one is replaced. Throws SystemError,
    /// UsageError.
    [[nodiscard]] virtual Channel& sink() = 0;

    /// The sink's channel has closed: the next sink() makes a new one. How it ended, for a person.
    virtual std::string sink_lost() = 0;

    /// Counts sinks: what was sent to an earlier one (digests) is not known to this one.
    [[nodiscard]] virtual unsigned sink_generation() const = 0;

    /// Why these features cannot be had in this lab; empty where they can.
    [[nodiscard]] virtual std::string
    feature_obstacle(const nic::FeatureSettings& settings) const = 0;

    /// The sending NIC's features: as found, but for `settings`; verified in effect. Throws
    /// TransferError where that cannot be.
    virtual void apply_features(const nic::FeatureSettings& settings) = 0;
    [[nodiscard]] virtual nic::FeatureTable features() const = 0;

    /// CPUs that a worker's threads are to be spread over, the worker's own first.
    [[nodiscard]] virtual std::vector<int> worker_cpus() const = 0;

    /// "lab" of the result document.
    [[nodiscard]] virtual nlohmann::json describe() const = 0;

    Lab() = default;
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    virtual ~Lab() = default;
};

/// Opens the lab that a plan names. Throws UsageError (privileges, no such interface), SystemError.
[[nodiscard]] std::unique_ptr<Lab> open_lab(const Plan& plan);
[[nodiscard]] std::unique_ptr<Lab> open_veth_lab(const Plan& plan);
[[nodiscard]] std::unique_ptr<Lab> open_host_lab(const Plan& plan);
/// Inside the guest: testbed/vm/ports_lab.cpp.
[[nodiscard]] std::unique_ptr<Lab> open_vm_lab(const Plan& plan);

/// Where worker and sink of one machine run: two different CPUs of those this process may use, or
/// one.
struct LabCpus {
    std::vector<int> workers; ///< the worker's, and after it all but the sink's; never empty
    int sink = 0;
};

[[nodiscard]] LabCpus choose_cpus();

/// Throws UsageError that names the first capability of `names` ("cap_net_admin") that this process
/// lacks, and `why`.
void require_capabilities(std::initializer_list<const char*> names, const std::string& why);

} // namespace pagewire::testbed
