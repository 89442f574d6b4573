// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/named.hpp"
#include "nic/checks/capture.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// An offload check: it gives the device something to do (stimulus), looks at the wire, the
/// counters and the receiver (observation), with the offload on and off, and judges (verdict). What
/// a driver says of itself is never an observation.
///
/// A new check is one file here that defines `extern const Check check_NAME`, its name in
/// meson.build, and a test in which it fails.
namespace pagewire::nic {

class Rig;

enum class Verdict : std::uint8_t {
    kPass,        ///< seen to do what it is for, and nothing wrong
    kFail,        ///< seen to do wrong
    kNotInEffect, ///< said to be on, but nothing seen differs from off
    kSkip,        ///< not tried, and the reason why: never a pass
};

inline constexpr core::Names<Verdict, 4> kVerdictNames{{{"pass", Verdict::kPass},
                                                        {"fail", Verdict::kFail},
                                                        {"not in effect", Verdict::kNotInEffect},
                                                        {"skip", Verdict::kSkip}}};

/// One thing seen, in one state of what is checked.
struct Observation {
    std::string arm; ///< "on", "off"; another word where the check has other states
    std::string text;
};

/// What a check found.
struct Finding {
    Verdict verdict = Verdict::kSkip;
    std::string reason; ///< one line: why this verdict
    std::vector<Observation> observations;
    std::vector<std::byte> frame; ///< a failure's: the frame that shows it, empty where none does
};

/// Collects observations and becomes a finding. The worst that was said counts: a failure before
/// "not in effect" before a pass; nothing observed is no pass.
class Judgement {
  public:
    void observe(std::string arm, std::string text);

    /// The first failure's words and frame are kept.
    void fail(std::string reason, std::span<const std::byte> frame = {});
    void not_in_effect(std::string reason);

    /// Why a pass is one, or how it has to be read ("virtual link: ...").
    void note(const std::string& text);
    void note_once(const std::string& text); ///< unless it was said before

    [[nodiscard]] bool failed() const noexcept { return !failure_.empty(); }

    /// A skip says with `reason` why nothing was tried.
    [[nodiscard]] static Finding skip(std::string reason);

    [[nodiscard]] Finding finish() &&;

  private:
    std::vector<Observation> observations_;
    std::string failure_;
    std::vector<std::byte> frame_;
    std::string ineffective_;
    std::string note_;
};

struct Check {
    std::string_view name;    ///< "tx-checksum"
    std::string_view summary; ///< one line for `--list`
    /// May throw: core's errors become a failure that carries their words. Leaves restoring to the
    /// caller: every change goes through the rig's guards.
    Finding (*run)(Rig& rig);
};

/// Every check of this build, in meson.build's order.
[[nodiscard]] std::span<const Check* const> checks();

/// Null when there is none of that name.
[[nodiscard]] const Check* find_check(std::string_view name);

} // namespace pagewire::nic
