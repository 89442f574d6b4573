// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/runner.hpp"

#include "core/error.hpp"

namespace pagewire::nic {

namespace {

Finding failed(const std::exception& error)
{
    return {.verdict = Verdict::kFail, .reason = error.what(), .observations = {}, .frame = {}};
}

Finding run(const Check& check, Rig& rig)
{
    try {
        return check.run(rig);
    } catch (const core::SystemError& error) {
        return failed(error);
    } catch (const core::TransferError& error) {
        return failed(error);
    }
}

} // namespace

std::vector<CheckResult> run_checks(Rig& rig, std::span<const Check* const> chosen,
                                    const CheckProgress& progress)
{
    std::vector<CheckResult> results;
    for (const Check* check : chosen) {
        rig.refuse_interruption();
        if (progress)
            progress(results.size(), *check);
        const auto start = std::chrono::steady_clock::now();
        CheckResult result{.check = check, .finding = run(*check, rig)};
        rig.restore();
        result.seconds = std::chrono::steady_clock::now() - start;
        results.push_back(std::move(result));
    }
    return results;
}

} // namespace pagewire::nic
