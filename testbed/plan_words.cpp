// SPDX-License-Identifier: BSD-3-Clause
// The words of a plan and of the command line, and what they stand for.
#include "nic/pci_device.hpp"
#include "testbed/plan.hpp"
#include "testbed/plan_rules.hpp"

namespace pagewire::testbed {

CacheState parse_cache_state(std::string_view text)
{
    return parse_choice<CacheState>(text, "cache state",
                                    {{cache_name(CacheState::kCold), CacheState::kCold},
                                     {cache_name(CacheState::kHot), CacheState::kHot}});
}

core::PayloadSource parse_payload_source(std::string_view text)
{
    return parse_choice<core::PayloadSource>(
        text, "payload source",
        {{"disk", core::PayloadSource::kDisk}, {"memory", core::PayloadSource::kMemory}});
}

core::PacketLayout parse_packet_layout(std::string_view text)
{
    return parse_choice<core::PacketLayout>(text, "packet layout", core::kPacketLayoutNames);
}

core::ChecksumMode parse_checksum_mode(std::string_view text)
{
    return parse_choice<core::ChecksumMode>(text, "checksum mode", core::kChecksumModeNames);
}

core::BindMode parse_bind_mode(std::string_view text)
{
    return parse_choice<core::BindMode>(text, "bind mode", core::kBindModeNames);
}

namespace {

constexpr core::Names<SinkKind, 2> kSinkKinds{
    {{"kernel", SinkKind::kKernel}, {"af_xdp", SinkKind::kAfXdp}}};
constexpr core::Names<LabKind, 3> kLabKinds{
    {{"veth", LabKind::kVeth}, {"vm", LabKind::kVm}, {"host", LabKind::kHost}}};
constexpr core::Names<LedgerMode, 3> kLedgerModes{
    {{"apart", LedgerMode::kApart}, {"with", LedgerMode::kWith}, {"off", LedgerMode::kOff}}};

} // namespace

LedgerMode parse_ledger_mode(std::string_view text)
{
    return parse_choice<LedgerMode>(text, "ledger mode", kLedgerModes);
}

std::string_view ledger_mode_name(LedgerMode mode)
{
    return core::name_of(kLedgerModes, mode);
}

SinkKind parse_sink_kind(std::string_view text)
{
    return parse_choice<SinkKind>(text, "sink", kSinkKinds);
}

std::string_view sink_name(SinkKind sink)
{
    return core::name_of(kSinkKinds, sink);
}

bool has_software_nic(const core::Method& method, const Plan& plan)
{
    return !method.software_nic.empty() && plan.dataplane.dpdk_port.empty();
}

bool has_pci_port(const core::Method& method, const Plan& plan)
{
    const std::string& port = plan.dataplane.dpdk_port;
    return !method.software_nic.empty() && nic::is_pci_address(port.substr(0, port.find(',')));
}

std::string_view receiver_name(SinkKind sink, core::Wire wire)
{
    return wire == core::Wire::kUdp && sink == SinkKind::kAfXdp ? sink_name(sink)
                                                                : core::wire_name(wire);
}

LabKind parse_lab_kind(std::string_view text)
{
    return parse_choice<LabKind>(text, "lab", kLabKinds);
}

std::string_view lab_kind_name(LabKind kind)
{
    return core::name_of(kLabKinds, kind);
}

core::Wire parse_wire(std::string_view text)
{
    return parse_choice<core::Wire>(text, "wire",
                                    {{core::wire_name(core::Wire::kTcp), core::Wire::kTcp},
                                     {core::wire_name(core::Wire::kUdp), core::Wire::kUdp}});
}

} // namespace pagewire::testbed
