// SPDX-License-Identifier: BSD-3-Clause
// pagewire run --lab vm: what real drivers do with the payload, as the ledger sees it. One guest
// for each link, with every run over it.
#include "core/units.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/vm/guest_rows.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <string>
#include <vector>

namespace pagewire::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string plan_file()
{
    return std::string(std::getenv("PAGEWIRE_SOURCE_ROOT")) + "/configs/vm.toml";
}

void expect_no_timings(const json& document)
{
    for (const json& row : document.at("rows")) {
        EXPECT_EQ(row.at("timings"), "virtual hardware: timings have no meaning");
        EXPECT_TRUE(row.at("goodput_gbps").at("median").is_null());
        EXPECT_TRUE(row.at("goodput_gbps").at("samples").empty());
        EXPECT_TRUE(row.at("cpu_s_per_gib").at("worker").is_null());
    }
    EXPECT_TRUE(document.at("ceilings").at("memcpy_gbps").is_null());
}

TEST(RunInVm, TheTextbooksFourAndAfXdpOverIgb)
{
    const TempFolder folder;
    const CommandResult result =
        run_command({"run", plan_file(), "--json", folder.path("igb.json")});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("virtual hardware: timings have no meaning"));
    EXPECT_THAT(result.out, Not(HasSubstr("Gb/s")));
    const json document = document_at(folder.path("igb.json"));
    ASSERT_TRUE(document.is_object());
    EXPECT_EQ(document.at("lab").at("driver"), "igb");
    expect_no_timings(document);
    expect_classic(document, "read_write", 4, 2);
    expect_classic(document, "mmap_write", 4, 1);
    expect_classic(document, "sendfile", 2, 1);
    expect_classic(document, "sendfile_sg", 2, 0);

    const json row = row_of(document, "af_xdp");
    expect_whole(row);
    EXPECT_EQ(row.at("zero_copy").at("kernel_reported"), "zero-copy");
    EXPECT_EQ(row.at("zero_copy").at("observed"), "zero-copy");
    expect_figure(row, "cpu_copies_per_byte", 0, 0.001);
    expect_figure(row, "dma_disk_per_byte", 1, 0.02);
    EXPECT_THAT(row.at("transfers")[0].at("facts").at("layout").get<std::string>(),
                HasSubstr("header in the headroom"));
    // No skb: all of the payload went as descriptors of the UMEM.
    EXPECT_EQ(row.at("ledger").at("payload_bytes").at("driver/umem"), 2 * core::kMiB);

    expect_whole(row_of(document, "dpdk")); // more of it: vm_dpdk_test.cpp
}

TEST(RunInVm, AfXdpInEveryModeThatADriverHas)
{
    const TempFolder folder;
    // The reason of a row that failed ends a run with 1, and the others go on.
    const std::string run = pagewire_exe() +
                            " run --lab vm --quiet --size 2MiB --rounds 2 --cache cold --mtu 1500 "
                            "--methods af_xdp --json \"$PAGEWIRE_VM_RESULTS\"/";
    const CommandResult result = run_command(
        {"vm", "--out", folder.path(), "--", "sh", "-c",
         run + "copy.json --bind copy --layout segments || exit 10\n" + run +
             "refused.json --bind zerocopy --layout segments && exit 11\n" + run +
             "no_linear.json --if virtio0 --bind copy --layout segments || exit 12\n"
             // Without NAPI a completion comes before the device has read the packet.
             "ethtool -C virtio0 tx-frames 0 || exit 13\n" +
             run + "no_napi.json --if virtio0 --bind copy && exit 14\n" +
             "ip netns add far && ip link set igb1 netns far && ip link set igb0 up || exit 15\n"
             "ip -n far link set igb1 up && sleep 3\n" +
             pagewire_exe() +
             " nic check igb0 --peer igb1 --peer-netns far --allow-nic-changes --json "
             "--only tx-checksum,xdp-copy,xdp-zerocopy,xdp-need-wakeup "
             ">\"$PAGEWIRE_VM_RESULTS\"/check.json || exit 16\n"});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;

    const json copied = row_of(document_at(folder.path("copy.json")), "af_xdp");
    expect_whole(copied);
    EXPECT_EQ(copied.at("zero_copy").at("observed"), "copied");
    expect_figure(copied, "cpu_copies_per_byte", 1, 0.001);
    expect_figure(copied, "dma_nic_per_byte", 1.05, 0.05);
    EXPECT_EQ(copied.at("ledger").at("payload_bytes").at("driver/private"), 2 * core::kMiB);
    const json& counters = copied.at("transfers")[0].at("counters");
    EXPECT_EQ(counters.at("descriptors"), 2 * counters.at("packets").get<unsigned>());

    const json refused = row_of(document_at(folder.path("refused.json")), "af_xdp");
    EXPECT_EQ(refused.at("status"), "failed");
    EXPECT_THAT(refused.at("reason").get<std::string>(),
                HasSubstr("igb0 (igb) takes one segment a packet in zero-copy"));

    // virtio_net hangs the UMEM's pages into the skb (IFF_TX_SKB_NO_LINEAR).
    const json no_linear = row_of(document_at(folder.path("no_linear.json")), "af_xdp");
    expect_whole(no_linear);
    EXPECT_EQ(no_linear.at("zero_copy").at("kernel_reported"), "copy");
    EXPECT_EQ(no_linear.at("zero_copy").at("observed"), "zero-copy");
    expect_figure(no_linear, "cpu_copies_per_byte", 0, 0.001);
    EXPECT_EQ(no_linear.at("ledger").at("payload_bytes").at("driver/anonymous"), 2 * core::kMiB);

    const json no_napi = row_of(document_at(folder.path("no_napi.json")), "af_xdp");
    EXPECT_EQ(no_napi.at("status"), "failed");
    EXPECT_THAT(no_napi.at("reason").get<std::string>(), HasSubstr("virtio_net with napi_tx=N"));

    const json checked = document_at(folder.path("check.json"));
    ASSERT_EQ(checked.at("checks").size(), 4U);
    for (const json& check : checked.at("checks"))
        EXPECT_EQ(check.at("verdict"), "pass") << check;
}

} // namespace
} // namespace pagewire::tests
