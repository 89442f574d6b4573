// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/check.hpp"

#include "nic/checks/check_table.hpp" // generated

#include <algorithm>
#include <utility>

namespace pagewire::nic {

void Judgement::observe(std::string arm, std::string text)
{
    observations_.push_back({.arm = std::move(arm), .text = std::move(text)});
}

void Judgement::fail(std::string reason, std::span<const std::byte> frame)
{
    if (failed())
        return;
    failure_ = std::move(reason);
    frame_.assign(frame.begin(), frame.end());
}

void Judgement::not_in_effect(std::string reason)
{
    if (ineffective_.empty())
        ineffective_ = std::move(reason);
}

void Judgement::note(const std::string& text)
{
    if (!note_.empty())
        note_ += "; ";
    note_ += text;
}

void Judgement::note_once(const std::string& text)
{
    if (note_.find(text) == std::string::npos)
        note(text);
}

Finding Judgement::skip(std::string reason)
{
    return {
        .verdict = Verdict::kSkip, .reason = std::move(reason), .observations = {}, .frame = {}};
}

Finding Judgement::finish() &&
{
    Finding finding;
    finding.observations = std::move(observations_);
    finding.frame = std::move(frame_);
    if (!failure_.empty()) {
        finding.verdict = Verdict::kFail;
        finding.reason = std::move(failure_);
    } else if (finding.observations.empty()) {
        finding.verdict = Verdict::kSkip;
        finding.reason = note_.empty() ? "nothing could be observed" : std::move(note_);
    } else if (!ineffective_.empty()) {
        finding.verdict = Verdict::kNotInEffect;
        finding.reason = std::move(ineffective_);
    } else {
        finding.verdict = Verdict::kPass;
        finding.reason = std::move(note_);
    }
    return finding;
}

std::span<const Check* const> checks()
{
    return kCheckTable;
}

const Check* find_check(std::string_view name)
{
    const auto found = std::find_if(kCheckTable.begin(), kCheckTable.end(),
                                    [name](const Check* check) { return check->name == name; });
    return found == kCheckTable.end() ? nullptr : *found;
}

} // namespace pagewire::nic
