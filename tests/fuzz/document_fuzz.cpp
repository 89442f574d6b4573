// SPDX-License-Identifier: BSD-3-Clause
// The reader of result documents, what compares them and what reports of them, over any text.
#include "core/error.hpp"
#include "testbed/compare/compare.hpp"
#include "testbed/document.hpp"
#include "testbed/report/report.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    namespace testbed = pagewire::testbed;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const nlohmann::json document = testbed::parse_document(text, "input");
        (void)testbed::comparison_table(testbed::compare_documents(document, document, {}));
        (void)testbed::report::table(document, {.colour = true});
        (void)testbed::report::csv(document);
        (void)testbed::report::page(document, testbed::report::plots(document), {});
    } catch (const pagewire::core::UsageError&) {
        // One line that says what is wrong with it.
    }
    return 0;
}
