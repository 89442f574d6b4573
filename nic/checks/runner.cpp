// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/runner.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace pagewire::nic {

namespace {

Finding failed(const std::exception& error)
{
    return {.verdict = Verdict::kFail, .reason = error.what(), .observations = {}, .frame = {}};
}

/// What a device does under a check is the check's affair, also when it does not answer any more;
/// what the user wants is not.
template<typename Call>
Finding caught(const Rig& rig, Call call)
{
    try {
        return call();
    } catch (const core::SystemError& error) {
        return failed(error);
    } catch (const core::TransferError& error) {
        return failed(error);
    } catch (const core::UsageError& error) {
        rig.refuse_interruption();
        return failed(error);
    }
}

/// Puts everything back; false: the device is not what it was, or does not answer, and `finding`
/// says so.
bool restore(Rig& rig, Finding& finding)
{
    const Finding restored = caught(rig, [&] {
        rig.restore();
        return Finding{};
    });
    if (restored.verdict != Verdict::kFail)
        return true;
    finding.verdict = Verdict::kFail;
    finding.reason = fmt::format("after it: {}", restored.reason);
    return false;
}

} // namespace

std::vector<CheckResult> run_checks(Rig& rig, std::span<const Check* const> chosen,
                                    const CheckProgress& progress)
{
    std::vector<CheckResult> results;
    std::string dead; // why the rest is not tried
    for (const Check* check : chosen) {
        rig.refuse_interruption();
        if (progress)
            progress(results.size(), *check);
        const auto start = std::chrono::steady_clock::now();
        CheckResult result{.check = check, .finding = {}};
        if (dead.empty()) {
            result.finding = caught(rig, [&] { return check->run(rig); });
            if (!restore(rig, result.finding))
                dead = fmt::format("not tried: the link did not come back after {}", check->name);
        } else {
            result.finding = Judgement::skip(dead);
        }
        result.seconds = std::chrono::steady_clock::now() - start;
        results.push_back(std::move(result));
    }
    return results;
}

} // namespace pagewire::nic
