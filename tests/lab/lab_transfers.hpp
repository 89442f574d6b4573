// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/units.hpp"
#include "testbed/lab.hpp"
#include "testbed/registry.hpp"
#include "testbed/transfer.hpp"
#include "tests/support/source_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

namespace pagewire::tests {

inline const std::atomic<bool> never_interrupted{false};

/// A veth lab of the test's own, for single transfers of a file of the test's own.
class LabTransfers : public testing::Test {
  protected:
    explicit LabTransfers(std::uint64_t file_bytes = 4 * core::kMiB + 5)
        : file_(file_bytes),
          lab_(testbed::open_veth_lab(plan_)),
          source_(testbed::Source::open(with_file())),
          runner_(plan_, *lab_, sink_memory_, source_, ledger_, never_interrupted)
    {}

    testbed::Sample transfer(const testbed::Cell& cell, bool watched = false)
    {
        return runner_.run(cell, 0, watched).value();
    }

    testbed::Sample transfer(const char* method, const nic::FeatureSettings& features = {})
    {
        return transfer(testbed::Cell{.method = testbed::find_method(method),
                                      .cache = testbed::CacheState::kCold,
                                      .arm = {},
                                      .features = features,
                                      .source = core::PayloadSource::kDisk});
    }

    SourceFile file_;
    testbed::Plan plan_;
    std::unique_ptr<testbed::Lab> lab_;
    testbed::Source source_;
    testbed::Ledger ledger_;
    testbed::SinkMemory sink_memory_;
    testbed::TransferRunner runner_;

  private:
    const testbed::Plan& with_file()
    {
        plan_.path = file_.path();
        return plan_;
    }
};

} // namespace pagewire::tests
