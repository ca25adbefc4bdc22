//! `codebook.html`: the codebook for people. One file, no script, nothing loaded from elsewhere.

use askama::Template;
use bytes::Bytes;

use super::codebook::Codebook;
use crate::error::{Error, Result};
use crate::release::input::SourceNote;

// The template stands here because a file's folder would have to be named in a configuration file of the package.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Codebook: {{ first.title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8886; }
th[scope=row], code { font-family: ui-monospace, monospace; font-size: .92em; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
dl.facts dt { font-weight: 600; }
dd { margin: 0; }
ul.codes { margin: .25rem 0 0; padding-left: 1.1rem; }
.scroll { overflow-x: auto; }
@media print { a { color: inherit; } }
</style>
</head>
<body>
<main>
<h1>{{ first.title }}</h1>
{% if let Some(description) = first.description %}<p>{{ description }}</p>
{% endif %}<dl class="facts">
<dt>Agreement</dt><dd>{{ first.agreement_title }} (<code>{{ first.agreement }}</code>)</dd>
<dt>Purpose</dt><dd>{{ first.purpose }}</dd>
<dt>Legal basis</dt><dd>{{ first.legal_basis }}</dd>
<dt>Pipeline</dt><dd><code>{{ first.pipeline }}</code></dd>
{% if let Some(licence) = first.licence %}<dt>Licence</dt><dd>{{ licence }}</dd>
{% endif %}</dl>
{% if !sources.is_empty() %}<h2 id="sources">Sources</h2>
<ul>
{% for source in sources %}<li>{{ source.title }} ({{ source.partner }}, contract <code>{{ source.contract }}</code> {{ source.version }})</li>
{% endfor %}</ul>
{% endif %}{% if !first.attribution.is_empty() %}<h2 id="attribution">To be named</h2>
<ul>
{% for name in first.attribution %}<li>{{ name }}</li>
{% endfor %}</ul>
{% endif %}{% if !first.table.protection.is_empty() %}<h2 id="changed">Changed figures</h2>
<p>No figure is hidden, and none is to be taken for the true one. The protection is {{ first.table.protection }}.</p>
{% else %}<h2 id="hidden">Hidden figures</h2>
<p>A figure that could point to people in a small group is hidden: it is empty (null), and the column beside it, which ends
in <code>_status</code>, says <code>suppressed</code>. Hidden is neither zero nor missing. Some figures that are not small
are hidden too, because others could be computed from them.</p>
{% endif %}<nav aria-label="Tables"><h2 id="tables">Tables</h2>
<ul>
{% for book in books %}<li><a href="#{{ book.table.name }}">{{ book.table.title }}</a></li>
{% endfor %}</ul>
</nav>
{% for book in books %}{% let table = book.table %}<section aria-labelledby="{{ table.name }}">
<h2 id="{{ table.name }}">{{ table.title }}</h2>
{% if let Some(description) = table.description %}<p>{{ description }}</p>
{% endif %}<p>File <a href="{{ table.name }}.parquet"><code>{{ table.name }}.parquet</code></a>. Counts: {{ table.counts }}.</p>
<div class="scroll">
<table>
<caption>Columns of {{ table.title }}</caption>
<thead><tr><th scope="col">Column</th><th scope="col">Holds</th><th scope="col">Meaning</th></tr></thead>
<tbody>
{% for column in table.columns %}<tr>
<th scope="row">{{ column.name }}</th>
<td>{{ column.role.word() }}, {{ column.role.type_word() }}{% if let Some(unit) = column.unit %}, {{ unit }}{% endif %}</td>
<td>{{ column.description }}{% if let Some(when) = column.hidden_when %}<br>Hidden: {{ when }}{% endif %}
{% if let Some(total) = column.total %}<br>Total over the column: <code>{{ total }}</code>
{% endif %}{% if !column.labels.is_empty() %}<ul class="codes">
{% for label in column.labels %}<li><code>{{ label.code }}</code>: {{ label.meaning }}</li>
{% endfor %}</ul>
{% endif %}</td>
</tr>
{% endfor %}</tbody>
</table>
</div>
</section>
{% endfor %}</main>
</body>
</html>
"##
)]
struct Page<'a> {
    first: &'a Codebook,
    books: &'a [Codebook],
    sources: &'a [SourceNote],
}

pub(super) fn codebook_html(books: &[Codebook], sources: &[SourceNote]) -> Result<Bytes> {
    let first = books.first().ok_or_else(|| Error::internal("release.shape", "lay down a release without a table"))?;
    let page = Page { first, books, sources };
    let text = page
        .render()
        .map_err(|error| Error::internal("release.codebook", "write the codebook's page").with_source(error))?;
    Ok(Bytes::from(text))
}
