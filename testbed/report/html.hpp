// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What pages are made of. Everything that comes from a document is escaped here, and nowhere else.
namespace pagewire::testbed::report {

/// Text as HTML or XML: &, <, >, " and ' written as references, what XML cannot hold as U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);

/// A cell of a table; a figure stands to the right.
struct HtmlCell {
    std::string text;
    bool is_figure = false;
    std::string css_class = {};
};

class HtmlTable {
  public:
    /// The first column names the rows. `caption` may be empty, and `columns` too: a list of names.
    HtmlTable(std::string_view caption, const std::vector<std::string>& columns);

    void add(const std::vector<HtmlCell>& cells);

    [[nodiscard]] std::string take();

  private:
    std::string html_;
};

/// A whole page around `body`, which is HTML.
[[nodiscard]] std::string html_page(std::string_view title, std::string_view body);

/// An SVG as an image of the page itself, which no identifier of another can meet.
[[nodiscard]] std::string svg_image(std::string_view svg, std::string_view alternative,
                                    unsigned width, unsigned height);

} // namespace pagewire::testbed::report
