// SPDX-License-Identifier: BSD-3-Clause
#include "tests/testbed/plan_expect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParsePlan, SizesAsStrings)
{
    EXPECT_EQ(parse_error("[run]\nchunk = \"2 GiB\""),
              "plan.toml:2:9: run.chunk: \"2 GiB\" is not possible: write 1 B to 1 GiB");
    EXPECT_EQ(
        parse_error("[dataplane]\n\nframe = \"5 KiB\""),
        "plan.toml:3:9: dataplane.frame: \"5 KiB\" is not possible: write a multiple of 4 KiB, "
        "4 KiB to 1 MiB");
    EXPECT_EQ(
        parse_error("[file]\nsize = \"big\""),
        "plan.toml:2:8: file.size: 'big' is not a size: write bytes, or a number with KiB, MiB, "
        "GiB, TiB or PiB");
    EXPECT_THAT(parse_error("[run]\nchunk = true"),
                HasSubstr("plan.toml:2:9: run.chunk: must be a size (\"64 KiB\", or an integer of "
                          "bytes), and is a "
                          "boolean"));
}

/// A plan with one mistake, and the message that it earns.
struct Mistake {
    std::string_view text;
    std::string message;
};

const std::string kRateAdvice{core::kRateAdvice};

const std::vector<Mistake> kMistakes{
    // Unknown names.
    {"[run]\nround = 3",
     "plan.toml:2:1: unknown key \"round\": the keys of run are methods, cache, "
     "wire, sink, rounds, rounds_max, warmup, target_percent, baseline, seed, "
     "chunk, verify, ledger, "
     "ceilings, time_limit_s"},
    {"[file]\n\nname = \"x\"",
     "plan.toml:3:1: unknown key \"name\": the keys of file are path, size, offset, length"},
    {"[link]\nspeed = 1", "plan.toml:2:1: unknown key \"speed\": the keys of link are mtu, queues"},
    {"[dataplane]\nzero_copy = true",
     "plan.toml:2:1: unknown key \"zero_copy\": the keys of "
     "dataplane are queue, queues, umem, frame, disk_depth, ring, "
     "source, layout, checksum, bind, protect_payload, busy_poll_us, "
     "rate, fault, dpdk_port"},
    {"[lab]\nnic = \"eth0\"",
     "plan.toml:2:1: unknown key \"nic\": the keys of lab are kind, interface, peer, "
     "allow_nic_changes"},
    {"[[arms]]\nname = \"a\"\n[[arms]]\nlabel = \"b\"",
     "plan.toml:4:1: unknown key \"label\": the keys of arms[1] are name, features, map_per_chunk"},
    {"\n\n[runs]\nrounds = 1", "plan.toml:3:2: unknown table or key \"runs\": those of a plan "
                               "are extends, file, run, link, arms, dataplane, latency, lab"},
    {"rounds = 1",
     "plan.toml:1:1: unknown table or key \"rounds\": those of a plan are extends, file, "
     "run, link, arms, dataplane, "
     "latency, lab"},
    {"[run.sub]\nx = 1", "plan.toml:1:6: unknown key \"sub\": the keys of run are methods, cache, "
                         "wire, sink, rounds, rounds_max, warmup, target_percent, baseline, seed, "
                         "chunk, verify, ledger, "
                         "ceilings, time_limit_s"},
    {"[link]\n\"m\\ntu\" = 1",
     "plan.toml:2:1: unknown key \"m\\ntu\": the keys of link are mtu, queues"},
    // Wrong types.
    {"file = 3", "plan.toml:1:8: file: must be a table, and is an integer"},
    {"\n[[run]]\nrounds = 3", "plan.toml:2:1: run: must be a table, and is an array"},
    {"[arms]\nname = \"a\"",
     "plan.toml:1:1: arms: must be an array of tables, [[arms]], and is a table"},
    {"arms = [1]", "plan.toml:1:9: arms[0]: must be a table, and is an integer"},
    {"[file]\npath = 1", "plan.toml:2:8: file.path: must be a string, and is an integer"},
    {"[run]\nmethods = \"sendfile\"",
     "plan.toml:2:11: run.methods: must be an array of strings, and is a string"},
    {"[run]\nmethods = [\n\"sendfile\",\n3,\n]",
     "plan.toml:4:1: run.methods[1]: must be a string, and is an integer"},
    {"[run]\ncache = 1",
     "plan.toml:2:9: run.cache: must be \"cold\", \"hot\" or an array of them, and is an integer"},
    {"[run]\nwire = false", "plan.toml:2:8: run.wire: must be a string, and is a boolean"},
    {"[run]\nrounds = \"3\"", "plan.toml:2:10: run.rounds: must be an integer, and is a string"},
    {"[run]\nrounds = 3.0",
     "plan.toml:2:10: run.rounds: must be an integer, and is a floating-point number"},
    {"[run]\nseed = 2024-01-01",
     "plan.toml:2:8: run.seed: must be an integer, and is a date or a time"},
    {"[run]\nverify = 1", "plan.toml:2:10: run.verify: must be true or false, and is an integer"},
    {"[run]\nceilings = \"no\"",
     "plan.toml:2:12: run.ceilings: must be true or false, and is a string"},
    {"[run]\nsink = true", "plan.toml:2:8: run.sink: must be a string, and is a boolean"},
    {"[run]\nledger = true", "plan.toml:2:10: run.ledger: must be a string, and is a boolean"},
    {"[dataplane]\nrate = true",
     "plan.toml:2:8: dataplane.rate: must be a number or a string, and is a boolean"},
    {"[dataplane]\nfault = 1",
     "plan.toml:2:9: dataplane.fault: must be a string, and is an integer"},
    {"[lab]\nkind = []", "plan.toml:2:8: lab.kind: must be a string, and is an array"},
    {"[[arms]]\nname = \"a\"\nfeatures = true", "plan.toml:3:12: arms[0].features: must be a table "
                                                "of ethtool features = true or false, and is a "
                                                "boolean"},
    {"[[arms]]\nname = \"a\"\n[arms.features]\ntx-gre = true\ntx-gso = \"off\"",
     "plan.toml:5:10: arms[0].features.tx-gso: must be true or false, and is a string"},
    {"[[arms]]\nname = \"a\"\nmap_per_chunk = \"yes\"",
     "plan.toml:3:17: arms[0].map_per_chunk: must be true or false, and is a string"},
    // Words and figures that mean nothing.
    {"[run]\ncache = \"warm\"",
     "plan.toml:2:9: run.cache: \"warm\" is not a cache state: write \"cold\" or \"hot\""},
    {"[run]\ncache = [\"cold\",\n\"warm\"]",
     "plan.toml:3:1: run.cache[1]: \"warm\" is not a cache state: write \"cold\" or \"hot\""},
    {"[run]\nwire = \"sctp\"",
     "plan.toml:2:8: run.wire: \"sctp\" is not a wire: write \"tcp\" or \"udp\""},
    {"[run]\nwire = \"none\"",
     "plan.toml:2:8: run.wire: \"none\" is not a wire: write \"tcp\" or \"udp\""},
    {"[run]\nsink = \"dpdk\"",
     "plan.toml:2:8: run.sink: \"dpdk\" is not a sink: write \"kernel\" or \"af_xdp\""},
    {"[run]\nledger = \"on\"", "plan.toml:2:10: run.ledger: \"on\" is not a ledger mode: write "
                               "\"apart\" or \"with\" or \"off\""},
    {"[dataplane]\nsource = \"tape\"",
     "plan.toml:2:10: dataplane.source: \"tape\" is not a payload "
     "source: write \"disk\" or \"memory\""},
    {"[lab]\nkind = \"moon\"",
     "plan.toml:2:8: lab.kind: \"moon\" is not a lab: write \"veth\" or \"vm\" or \"host\""},
    {"[dataplane]\nrate = -0.5",
     "plan.toml:2:8: dataplane.rate: -0.5 is not possible: " + kRateAdvice},
    {"[dataplane]\nrate = inf",
     "plan.toml:2:8: dataplane.rate: inf is not possible: " + kRateAdvice},
    {"[dataplane]\nrate = \"5 MB/s\"",
     "plan.toml:2:8: dataplane.rate: '5 MB/s' is not a rate: " + kRateAdvice},
    {"[run]\nmethods = [\"\"]",
     "plan.toml:2:12: run.methods[0]: is empty: write a name, or leave the key away"},
    {"[file]\npath = \"\"",
     "plan.toml:2:8: file.path: is empty: write a name, or leave the key away"},
    {"[file]\npath = \"a\\u0000b\"",
     "plan.toml:2:8: file.path: holds a NUL character: leave it away"},
    {"[file]\nsize = \"a\\nb\"",
     "plan.toml:2:8: file.size: 'a\\x0ab' is not a size: write bytes, or "
     "a number with KiB, MiB, GiB, TiB or PiB"},
    // Lists.
    {"[run]\nchunk = []",
     "plan.toml:2:9: run.chunk: is empty: write a value, or leave the key away"},
    {"[run]\nchunk = [4096,\n\"4 KiB\"]",
     "plan.toml:3:1: run.chunk[1]: stands there twice: leave one away"},
    {"[link]\nmtu = [1500, 100]",
     "plan.toml:2:14: link.mtu[1]: 100 is not possible: write 576 to 65535"},
    {"[dataplane]\nqueues = [[1]]",
     "plan.toml:2:11: dataplane.queues[0]: must be an integer, and is an array"},
    {"extends = 1", "plan.toml:1:11: extends: must be a string, and is an integer"},
    // Contradictions.
    {"[file]\npath = \"x\"\nsize = 1",
     "plan.toml:3:8: file.size: is for a generated file: leave it away, or leave file.path away"},
    {"[[arms]]\nname = \"a\"\n\n[[arms]]\nfeatures = {}",
     "plan.toml:4:1: arms[1]: has no name: add name = \"...\""},
    {"[[arms]]\nname = \"\"",
     "plan.toml:2:8: arms[0].name: is empty: write a name, or leave the key away"},
    {"[[arms]]\nname = \"a\"\n\n[[arms]]\nname = \"a\"",
     "plan.toml:4:1: arms[1]: the name \"a\" is taken by an earlier arm: change it"},
};

TEST(ParsePlan, MistakesAreNamedWithTheirLine)
{
    for (const Mistake& mistake : kMistakes)
        EXPECT_EQ(parse_error(mistake.text), mistake.message) << mistake.text;
}

TEST(ParsePlan, SyntaxErrorsHaveLineAndColumn)
{
    EXPECT_THAT(parse_error("[run]\nrounds = = 3"), StartsWith("plan.toml:2:10: "));
    EXPECT_THAT(parse_error("[run]\nrounds = 3\nrounds = 4"), StartsWith("plan.toml:3:10: "));
    // An assertion of toml++ 3.3 where it is built into the program with assertions on
    // (header-only).
    EXPECT_THAT(parse_error("[%run]"), StartsWith("plan.toml:1:2: "));
    EXPECT_THAT(parse_error("[run"), StartsWith("plan.toml:1:5: "));
    EXPECT_THAT(parse_error("a = \xff"), StartsWith("plan.toml:1:4: "));
    EXPECT_EQ(parse_error("[run]\nverify = t\n"),
              "plan.toml:2:11: Error while parsing boolean: expected 'true', saw 't\\x0a'");
}

} // namespace
} // namespace pagewire::testbed
