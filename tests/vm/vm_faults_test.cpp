// SPDX-License-Identifier: BSD-3-Clause
// A disk of which one block cannot be read: the device mapper's error target over the NVMe disk.
#include "core/units.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/vm/guest_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace pagewire::tests {
namespace {

using testing::HasSubstr;

/// The disk is spoilt when the first transfer has begun: after the file's digests were made.
constexpr const char* kScript = R"sh(
run="pagewire run --lab vm --quiet --size 2MiB --cache cold --mtu 1500 --ledger off --if virtio0"
near() { # the namespace of a run's sending port, as a file
  for fd in /proc/$1/fd/*; do
    case $(readlink "$fd") in
    net:*) nsenter --net="$fd" ip link show virtio0 >/dev/null 2>&1 && { echo "$fd"; return; } ;;
    esac
  done
}
await_traffic() { # of a run, which has made the digests then
  tries=0
  until nsenter --net="$(near $1)" awk '$1 == "virtio0:" && $10 > 100000 { seen = 1 } END { exit !seen }' /proc/net/dev 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || exit 10
    sleep 0.1
  done
}

# The same disk again, through a map.
cd /
modprobe dm-mod && umount /pagewire/disk || exit 13
sectors=$(blockdev --getsz /dev/nvme0n1)
dmsetup create disk --noudevsync --table "0 $sectors linear /dev/nvme0n1 0" && dmsetup mknodes || exit 14
mount /dev/mapper/disk /pagewire/disk || exit 15
$run --rounds 1 --methods read_write --json "$PAGEWIRE_VM_RESULTS/before.json" || exit 16
start=$(filefrag -v /pagewire/disk/random-2MiB.bin | awk '$1 == "0:" { sub(/\.\./, "", $4); print $4 + 0 }')
bad=$(((start + 256) * 8)) # of the file, the block at 1 MiB
printf '0 %d linear /dev/nvme0n1 0\n%d 8 error\n%d %d linear /dev/nvme0n1 %d\n' \
  $bad $bad $((bad + 8)) $((sectors - bad - 8)) $((bad + 8)) >/tmp/table
$run --length 512KiB,2MiB --rounds 4 --json "$PAGEWIRE_VM_RESULTS/disk.json" \
  --methods read_write,mmap_write,sendfile_sg,direct_write,uring_send_zc,uring_splice,af_xdp &
await_traffic $!
dmsetup suspend disk --noudevsync && dmsetup reload disk /tmp/table && dmsetup resume disk --noudevsync || exit 17
wait $!
echo "ended: $?"
)sh";

TEST(DiskFaultInVm, FailsTheRowsThatReadIt)
{
    const TempFolder folder;
    const CommandResult result =
        run_command({"vm", "--out", folder.path(), "--", "sh", "-c", kScript});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;

    // The block at 1 MiB: rows of the first 512 KiB do not know of it.
    EXPECT_THAT(result.out, HasSubstr("ended: 1\n"));
    const std::map<std::string, std::string> reasons{
        {"read_write", "read /pagewire/disk/random-2MiB.bin: Input/output error"},
        {"mmap_write", "write connection to the sink: Bad address"}, // as write(2) meets it
        {"sendfile_sg", "sendfile connection to the sink: Input/output error"},
        {"direct_write", "pread(O_DIRECT) /pagewire/disk/random-2MiB.bin: Input/output error"},
        {"uring_send_zc", "READ_FIXED /pagewire/disk/random-2MiB.bin: Input/output error"},
        {"uring_splice", "SPLICE /pagewire/disk/random-2MiB.bin: Input/output error"},
        {"af_xdp", "read /pagewire/disk/random-2MiB.bin: Input/output error"}};
    const json document = document_at(folder.path("disk.json"));
    ASSERT_EQ(document.at("rows").size(), 2 * reasons.size());
    std::size_t num_failed = 0;
    for (const json& row : document.at("rows")) {
        if (row.at("status") == "ok") {
            EXPECT_EQ(row.at("integrity").at("blocks_good"), 512 * core::kKiB / 4096);
            continue;
        }
        ++num_failed;
        EXPECT_THAT(row.at("reason").get<std::string>(),
                    HasSubstr(reasons.at(row.at("method").get<std::string>())));
        EXPECT_EQ(row.at("integrity").at("blocks_bad"), 0);
    }
    EXPECT_EQ(num_failed, reasons.size());
}

} // namespace
} // namespace pagewire::tests
