// SPDX-License-Identifier: BSD-3-Clause
// DPDK's igb driver over vfio-pci, on a port of the guest's that is lent to it. One guest for all.
#include "core/units.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

namespace pagewire::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// The only row of a document of the guest's.
json row_at(const std::string& path)
{
    std::ifstream file(path);
    const json document = file ? json::parse(file, nullptr, false) : json();
    const json rows = document.is_object() ? document.value("rows", json::array()) : json::array();
    EXPECT_EQ(rows.size(), 1) << path;
    return rows.size() == 1 ? rows[0] : json::object();
}

void expect_whole(const json& row, std::uint64_t file_bytes)
{
    ASSERT_EQ(row.at("status"), "ok") << row.at("reason");
    EXPECT_EQ(row.at("integrity").at("blocks_good"), file_bytes / 4096);
    EXPECT_EQ(row.at("integrity").at("blocks_bad"), 0);
    EXPECT_EQ(row.at("integrity").at("blocks_missing"), 0);
    for (const json& transfer : row.at("transfers")) {
        const json& counters = transfer.at("counters");
        EXPECT_EQ(counters.at("port_tx_packets"), counters.at("packets")); // by the device itself
        EXPECT_EQ(counters.at("buffers_out"), 0);
        EXPECT_EQ(counters.at("completions_invalid"), 0);
        EXPECT_EQ(counters.at("udp_in_csum_errors"), 0);
    }
}

std::string fact(const json& row, const char* name)
{
    return row.at("transfers")[0].at("facts").at(name).get<std::string>();
}

/// Killed in the middle, lent again, given back each time. More than a lap of the ring's
/// descriptors, which is where igb's driver stood still.
constexpr const char* kScript = R"sh(
start="pagewire run --lab vm --quiet --cache cold --mtu 1500 --time-limit 30 --methods dpdk --dpdk-port igb2"
driver() { basename "$(readlink "$(readlink -f /pagewire/ports/igb2)/driver")"; }
run() {
  name=$1
  shift
  $start --json "$PAGEWIRE_VM_RESULTS/$name.json" "$@"
}
$start --size 64MiB --rounds 100 --ledger off &
tries=0
while [ "$(driver)" != vfio-pci ] && [ $tries -lt 900 ]; do tries=$((tries + 1)); sleep 0.1; done
sleep 1
kill -9 $! || exit 10
wait
echo "killed: $(driver)"
run segments --size 4MiB --rounds 2 --checksum offload || exit 11
echo "after segments: $(driver)"
printf '[dataplane]\numem = "1 MiB"\nframe = "12 KiB"\n' >/tmp/small.toml
run headroom /tmp/small.toml --size 4MiB --rounds 1 --checksum offload --layout headroom --ledger off || exit 12
echo "after headroom: $(driver)"
run other_wire --size 2MiB --rounds 1 --if virtio0 && exit 13
exit 0
)sh";

TEST(DpdkInVm, IgbOverVfioSendsWhatTheDiskWrote)
{
    const TempFolder folder;
    const CommandResult result = run_command(
        {"vm", "--time-limit", "500", "--out", folder.path(), "--", "sh", "-c", kScript});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("killed: vfio-pci\n"));
    EXPECT_THAT(result.err, HasSubstr("is igb's again: a run that had bound it was killed"));
    EXPECT_THAT(result.out, HasSubstr("after segments: igb\n"));
    EXPECT_THAT(result.out, HasSubstr("after headroom: igb\n"));
    EXPECT_THAT(result.err, HasSubstr("its port is on the wire of the igb ports"));

    // Chains of header and page slices. The kernel at the other end drops what has no right
    // checksum, of IPv4 as of UDP: both were the device's to make.
    const json segments = row_at(folder.path("segments.json"));
    expect_whole(segments, 4 * core::kMiB);
    EXPECT_EQ(fact(segments, "layout"), "header + page slices");
    EXPECT_THAT(fact(segments, "checksum"), HasSubstr("asked of the device"));
    EXPECT_THAT(fact(segments, "port"), HasSubstr("net_e1000_igb"));
    EXPECT_THAT(fact(segments, "port"), HasSubstr("it makes IPv4's checksum too"));
    const json& counters = segments.at("transfers")[0].at("counters");
    EXPECT_EQ(counters.at("descriptors"), 2 * counters.at("packets").get<unsigned>());

    // Not copied, as far as anybody can see: by the worker, which had no access to it, and by the
    // kernel, whose driver did not have the device.
    const json& ledger = segments.at("ledger");
    const json& evidence = ledger.at("evidence").at("cpu_copies_per_byte");
    EXPECT_EQ(ledger.at("cpu_copies_per_byte"), 0) << evidence;
    EXPECT_THAT(evidence.get<std::string>(), HasSubstr("PROT_NONE on the payload's pages"));
    EXPECT_EQ(segments.at("zero_copy").at("observed"), "zero-copy");
    ASSERT_TRUE(ledger.at("dma_nic_per_byte").is_number());
    EXPECT_NEAR(ledger.at("dma_nic_per_byte").get<double>(), 1.05, 0.05);
    EXPECT_NEAR(ledger.at("dma_disk_per_byte").get<double>(), 1, 0.02);
    EXPECT_EQ(segments.at("textbook").at("agrees"), true) << segments.at("textbook");

    // Of this memory half holds 126 packets, and igb's rings are multiples of 8 descriptors long.
    // Headers lie in the payload's pages, which cannot be protected then: nothing is claimed.
    const json headroom = row_at(folder.path("headroom.json"));
    expect_whole(headroom, 4 * core::kMiB);
    EXPECT_THAT(fact(headroom, "layout"), HasSubstr("header in the headroom"));
    EXPECT_THAT(fact(headroom, "port"), HasSubstr("120 TX descriptors"));
    EXPECT_EQ(headroom.at("zero_copy").at("observed"), "unknown");
}

} // namespace
} // namespace pagewire::tests
