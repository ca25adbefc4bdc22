//! The audit's report as a page: one file, no script, nothing loaded from elsewhere, fit for light, dark, a phone and paper.
//! A content security policy in it lets a browser load nothing and apply no style but its own.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::report::{AuditReport, Rule, number};
use crate::error::{Error, Result};

const STYLE: &str = "\
:root { color-scheme: light dark; --bad: light-dark(#b3261e, #ff8a80); --good: light-dark(#1b6e3c, #7ddb9e); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; background: Canvas;
  color: CanvasText; overflow-wrap: break-word; }
h1 { line-height: 1.2; margin-bottom: 1rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .75rem; }
.verdict { font-size: 1.15rem; border-left: .4rem solid var(--bad); padding: .25rem 0 .25rem 1rem; }
.verdict.passed { border-color: var(--good); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid #8886; }
tbody th { font-weight: inherit; min-width: 9rem; }
thead th { vertical-align: bottom; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n:last-child, th.n:last-child { padding-right: 0; }
.bars { width: 8.5rem; }
.bar { display: block; margin-top: .5rem; fill: var(--bad); }
li { margin: .25rem 0; }
.scroll { overflow-x: auto; }
@media (max-width: 40rem) {
  .bars { display: none; }
  .verdict { font-size: 1rem; }
  table { font-size: .9rem; }
  th, td { padding-right: .6rem; }
  tbody th { min-width: 6rem; }
}
@media print { body { max-width: none; margin: 0; } section { break-inside: avoid; } }
";

// The template stands here because a file's folder would have to be named in a configuration file of the package.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ self.policy() }}">
<title>Disclosure audit: {% if report.passed() %}nothing falls{% else if report.holds() %}statistical review{% else %}hidden figures fall{% endif %}</title>
<style>{{ self.style()|safe }}</style>
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
<thead><tr><th scope="col">Way</th><th scope="col" class="n">Figures</th><td class="bars" aria-hidden="true"></td><th scope="col">Rule</th></tr></thead>
<tbody>
{% for one in report.ways %}<tr><th scope="row">{{ one.way.words() }}</th><td class="n">{{ self.number(&one.figures) }}</td><td class="bars" aria-hidden="true"><svg class="bar" width="128" height="8"><rect width="{{ self.share(&one.figures) }}" height="8"/></svg></td><td>{{ self.rule_name(&one.rule) }}</td></tr>
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
{% endif %}{% if report.figures.len() > 1 %}<section aria-labelledby="figures">
<h2 id="figures">Figures</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">Figure</th><th scope="col" class="n">Hidden</th><th scope="col" class="n">Beside both counts</th><th scope="col" class="n">Else fall</th><th scope="col" class="n">Printed</th></tr></thead>
<tbody>
{% for book in report.figures %}<tr><th scope="row">{{ book.figure }}{{ book.kind.suffix() }}</th><td class="n">{{ self.number(&book.hidden) }}</td><td class="n">{% if book.kind.is_quotient() %}{{ self.number(&book.beside) }}{% endif %}</td><td class="n">{{ self.number(&book.fallen) }}</td><td class="n">{{ self.number(&book.printed) }}</td></tr>
{% endfor %}</tbody>
</table></div>
</section>
{% endif %}{% if !report.add_up.lines().is_empty() %}<section aria-labelledby="sums">
<h2 id="sums">Totals that are printed with all that makes them up</h2>
<ul>
{% for line in report.add_up.lines() %}<li>{{ line }}</li>
{% endfor %}</ul>
</section>
{% endif %}{% for score in report.scores %}<section aria-labelledby="score{{ loop.index }}">
<h2 id="score{{ loop.index }}">Publication score of {{ score.table }}</h2>
<p>{{ score.points }} points, {{ score.verdict() }}.</p>
<div class="scroll"><table>
<thead><tr><th scope="col">Criterion</th><th scope="col">Characteristic</th><th scope="col" class="n">Points</th></tr></thead>
<tbody>
{% for one in score.criteria %}<tr><th scope="row">{{ one.criterion }}</th><td>{{ one.characteristic }}</td><td class="n">{{ one.points }}</td></tr>
{% endfor %}</tbody>
</table></div>
</section>
{% endfor %}<section aria-labelledby="tables">
<h2 id="tables">Tables</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">Table</th><th scope="col" class="n">Counts hidden</th><th scope="col" class="n">fall</th><th scope="col" class="n">Rates hidden</th><th scope="col" class="n">fall</th><th scope="col" class="n">Counts printed</th><th scope="col" class="n">Files</th></tr></thead>
<tbody>
{% for table in report.tables %}<tr><th scope="row">{{ table.table }}{% if let Some(edition) = table.edition %} ({{ edition }}){% endif %}</th><td class="n">{{ self.number(&table.hidden) }}</td><td class="n">{{ self.number(&table.fallen) }}</td><td class="n">{{ self.number(&table.hidden_rates) }}</td><td class="n">{{ self.number(&table.fallen_rates) }}</td><td class="n">{{ self.number(&table.printed) }}</td><td class="n">{{ table.files }}</td></tr>
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

    fn style(&self) -> &'static str {
        STYLE
    }

    /// What a browser may do with the page: apply its own style, and nothing else.
    fn policy(&self) -> String {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
    }

    /// The length of a bar, from 1 to 128.
    fn share(&self, count: &usize) -> usize {
        let most = self.report.ways.iter().map(|one| one.figures).max().unwrap_or(1).max(1);
        (count * 128 / most).max(1)
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
