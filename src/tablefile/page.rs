//! The audit's report as a page: one file, no script, nothing loaded from elsewhere, fit for light, dark and paper.

use askama::Template;

use super::report::{AuditReport, Rule, number};
use crate::error::{Error, Result};

// The template stands here because a file's folder would have to be named in a configuration file of the package.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Disclosure audit: {% if report.passed() %}nothing falls{% else %}hidden figures fall{% endif %}</title>
<style>
:root { color-scheme: light dark; --bad: light-dark(#b3261e, #ff8a80); --good: light-dark(#1b6e3c, #7ddb9e); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; }
.verdict { font-size: 1.15rem; border-left: .4rem solid var(--bad); padding: .25rem 0 .25rem 1rem; }
.verdict.passed { border-color: var(--good); }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8886; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: block; height: .5rem; background: var(--bad); min-width: 1px; }
.scroll { overflow-x: auto; }
@media print { body { max-width: none; margin: 0; } section { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>Disclosure audit</h1>
<p class="verdict{% if report.passed() %} passed{% endif %}">{{ report.headline() }}</p>
<p>The audit reads what is published and nothing else. It names figures that a reader can compute although they are
hidden; it never shows their values.</p>
{% if !report.ways.is_empty() %}<section aria-labelledby="how">
<h2 id="how">How they fall</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">Way</th><th scope="col" class="n">Figures</th><th scope="col" aria-hidden="true"></th><th scope="col">Rule</th></tr></thead>
<tbody>
{% for one in report.ways %}<tr><th scope="row">{{ one.way.words() }}</th><td class="n">{{ self.number(&one.figures) }}</td><td aria-hidden="true"><span class="bar" style="width: {{ self.share(&one.figures) }}rem"></span></td><td>{{ self.rule_name(&one.rule) }}</td></tr>
{% endfor %}</tbody>
</table></div>
</section>
{% endif %}{% if !self.besides().is_empty() %}<section aria-labelledby="besides">
<h2 id="besides">Besides</h2>
<ul>
{% for (count, words) in self.besides() %}<li>{{ count }} {{ words }}</li>
{% endfor %}</ul>
</section>
{% endif %}{% if !report.worst.is_empty() %}<section aria-labelledby="worst">
<h2 id="worst">The worst</h2>
<p>Small groups first, then those that need the fewest steps.</p>
<ol>
{% for fall in report.worst %}<li>{{ fall.cell }}: {{ fall.way.words() }}{% if fall.steps > 1 %}, in {{ fall.steps }} steps{% endif %}</li>
{% endfor %}</ol>
</section>
{% endif %}{% if !report.rules.is_empty() %}<section aria-labelledby="rules">
<h2 id="rules">What would have prevented it</h2>
<ul>
{% for one in report.rules %}<li><strong>{{ self.rule_name(&one.rule) }}</strong> {{ one.asks }} ({{ self.number(&one.figures) }})</li>
{% endfor %}</ul>
</section>
{% endif %}{% if !report.contradicting.is_empty() %}<section aria-labelledby="contradictions">
<h2 id="contradictions">Contradictions</h2>
<p>Here printed figures contradict each other. Nothing was concluded from them. The first of {{ self.number(&report.contradictions) }}:</p>
<ul>
{% for place in report.contradicting %}<li>{{ place }}</li>
{% endfor %}</ul>
</section>
{% endif %}<section aria-labelledby="tables">
<h2 id="tables">Tables</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">Table</th><th scope="col" class="n">Files</th><th scope="col" class="n">Counts printed</th><th scope="col" class="n">hidden</th><th scope="col" class="n">fall</th><th scope="col" class="n">Rates hidden</th><th scope="col" class="n">fall</th></tr></thead>
<tbody>
{% for table in report.tables %}<tr><th scope="row">{{ table.table }}{% if let Some(edition) = table.edition %} ({{ edition }}){% endif %}</th><td class="n">{{ table.files }}</td><td class="n">{{ self.number(&table.printed) }}</td><td class="n">{{ self.number(&table.hidden) }}</td><td class="n">{{ self.number(&table.fallen) }}</td><td class="n">{{ self.number(&table.hidden_rates) }}</td><td class="n">{{ self.number(&table.fallen_rates) }}</td></tr>
{% endfor %}</tbody>
</table></div>
</section>
{% if !report.notes.is_empty() %}<section aria-labelledby="notes">
<h2 id="notes">Notes</h2>
<ul>
{% for note in report.notes %}<li>{{ note }}</li>
{% endfor %}</ul>
</section>
{% endif %}</main>
</body>
</html>
"##
)]
struct Page<'a> {
    report: &'a AuditReport,
}

impl Page<'_> {
    fn number(&self, count: &usize) -> String {
        number(*count)
    }

    /// The length of a bar, at most 16.
    fn share(&self, count: &usize) -> usize {
        let most = self.report.ways.iter().map(|one| one.figures).max().unwrap_or(1).max(1);
        count * 16 / most
    }

    fn rule_name(&self, rule: &Rule) -> String {
        format!("{rule:?}")
    }

    fn besides(&self) -> Vec<(String, &'static str)> {
        self.report.besides().into_iter().map(|(count, words)| (number(count), words)).collect()
    }
}

/// The page.
///
/// # Errors
/// None but a bug in the template.
pub fn page(report: &AuditReport) -> Result<String> {
    Page { report }
        .render()
        .map_err(|error| Error::internal("tables.page", "write the audit's page").with_source(error))
}
