// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

namespace pagewire::core {

/// How fast to send: payload bits or packets for each second. At most one of the two is set; with
/// neither there is no limit.
struct Rate {
    double gbps = 0; ///< payload bits a second / 1e9, as every goodput figure
    double packets_per_s = 0;

    [[nodiscard]] constexpr bool is_limited() const noexcept
    {
        return gbps > 0 || packets_per_s > 0;
    }

    /// Figures of 0 to 1e12, at most one set.
    [[nodiscard]] bool is_valid() const noexcept;

    bool operator==(const Rate&) const = default;
};

/// "5", "5Gbps", "5 Gb/s" (payload bits), "1000pps", "200 kpps", "1.5Mpps" (packets); 0 of either:
/// no limit. Throws UsageError that quotes the text and lists the forms.
[[nodiscard]] Rate parse_rate(std::string_view text);

/// "5 Gb/s", "200000 pps", "unlimited": what parse_rate() reads, but for the last.
[[nodiscard]] std::string format_rate(const Rate& rate);

/// How a message ends that refuses a rate.
inline constexpr std::string_view kRateAdvice = "write Gb/s of payload (5, \"5Gbps\", \"5Gb/s\") "
                                                "or packets a second (\"1000pps\", \"200kpps\", "
                                                "\"1.5Mpps\"); 0: as fast as credit allows";

} // namespace pagewire::core
