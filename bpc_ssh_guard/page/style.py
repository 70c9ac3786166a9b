"""The page's style: light, dark and on paper, by what the reader's machine asks for."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--ground:#fff;--text:#1b1f24;--soft:#57606a;--edge:#d0d7de;--look:#b3261e;--good:#1a6b37;
--a:#2f6fb7;--b:#c2410c;--c:#6d7a88}
@media screen and (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e6e9ed;--soft:#a3adb8;
--edge:#3a424c;--look:#ff9d94;--good:#7ed69a;--a:#6fa8e8;--b:#f3935a;--c:#93a1b0}}
body{background:var(--ground);color:var(--text);font:15px/1.45 system-ui,sans-serif;margin:0 auto;
max-width:62rem;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid var(--edge)}
.facts{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem}
.facts b{font-size:1.25rem}.look{color:var(--look);font-weight:600}.good{color:var(--good)}
.none,footer,figcaption{color:var(--soft)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.75rem 0}
caption{text-align:left;color:var(--soft)}
th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--edge);
vertical-align:top;overflow-wrap:anywhere}
th,.id{white-space:nowrap}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
figure{margin:1rem 0}.chart{width:100%;height:auto;display:block}
.chart text{fill:var(--soft);font-size:10px}.scale{text-anchor:end}
.axis{stroke:var(--soft);stroke-width:1}.faint{stroke:var(--edge)}
rect.a{fill:var(--a)}rect.b{fill:var(--b)}rect.c{fill:var(--c)}
.key{margin-left:.8rem;padding-left:.3rem;border-left:.8rem solid}.key.a{border-color:var(--a)}
.key.b{border-color:var(--b)}.key.c{border-color:var(--c)}
@media print{body{max-width:none;font-size:10pt}.scroll{overflow:visible}
thead{display:table-header-group}tr,figure{break-inside:avoid}h2{break-after:avoid}}
"""
