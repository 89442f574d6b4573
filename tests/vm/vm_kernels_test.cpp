// SPDX-License-Identifier: BSD-3-Clause
// The oldest kernel that is supported: what the newest shows (vm_run_test.cpp) is to be seen there,
// and what it has not yet is to be said. One guest for all.
#include "core/units.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/vm/guest_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pagewire::tests {
namespace {

using testing::HasSubstr;

constexpr const char* kScript = R"sh(
run="pagewire run --lab vm --quiet --size 2MiB --rounds 2 --cache cold --mtu 1500"
uname -r
$run --json "$PAGEWIRE_VM_RESULTS/classics.json" \
  --methods read_write,sendfile,sendfile_sg,splice,msg_zerocopy,uring_send_zc,uring_splice,af_xdp || exit 10
$run --json "$PAGEWIRE_VM_RESULTS/segments.json" --methods af_xdp --layout segments && exit 11
$run --json "$PAGEWIRE_VM_RESULTS/zerocopy.json" --methods af_xdp --bind zerocopy && exit 12
exit 0
)sh";

TEST(OldestKernel, ShowsWhatTheNewestDoesOrSaysWhyNot)
{
    const TempFolder folder;
    const CommandResult result =
        run_command({"vm", "--kernel", "6.1", "--out", folder.path(), "--", "sh", "-c", kScript});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_EQ(result.out.rfind("6.1.", 0), 0U) << result.out;
    const json document = document_at(folder.path("classics.json"));
    expect_classic(document, "read_write", 4, 2);
    expect_classic(document, "sendfile", 2, 1);
    expect_classic(document, "sendfile_sg", 2, 0);
    expect_classic(document, "splice", 4, 0);
    for (const char* method : {"msg_zerocopy", "uring_send_zc", "uring_splice"}) {
        const json row = row_of(document, method);
        expect_whole(row);
        expect_figure(row, "cpu_copies_per_byte", 0, 0.001);
        EXPECT_EQ(row.at("zero_copy").at("observed"), "zero-copy") << method;
        EXPECT_EQ(row.at("textbook").at("agrees"), true) << row.at("textbook");
    }

    // igb has no zero-copy there, and packets have one segment.
    const json row = row_of(document, "af_xdp");
    expect_whole(row);
    EXPECT_EQ(row.at("zero_copy").at("kernel_reported"), "copy");
    expect_figure(row, "cpu_copies_per_byte", 1, 0.001);
    EXPECT_THAT(row.at("transfers")[0].at("facts").at("layout").get<std::string>(),
                HasSubstr("header in the headroom"));
    const json segments = row_of(document_at(folder.path("segments.json")), "af_xdp");
    EXPECT_EQ(segments.at("status"), "failed");
    EXPECT_EQ(segments.at("reason"), "several segments a packet need Linux 6.6 (XDP_USE_SG): use "
                                     "the layout 'headroom'");
    const json zerocopy = row_of(document_at(folder.path("zerocopy.json")), "af_xdp");
    EXPECT_EQ(zerocopy.at("status"), "failed");
    EXPECT_THAT(zerocopy.at("reason").get<std::string>(),
                HasSubstr("the driver has none for this queue"));
}

} // namespace
} // namespace pagewire::tests
