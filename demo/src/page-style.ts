/** Colours come in pairs, light then dark; everything else is shared. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --back: #f5f6f4; --card: #ffffff; --ink: #1c211f; --soft: #5a6460; --line: #dfe3e0;
  --accent: #0d7a5f; --accent-ink: #ffffff; --tint: #e6f3ee; --bad: #b3261e; --wait: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #141816; --card: #1d2220; --ink: #e6eae8; --soft: #a0aaa5; --line: #323a36;
    --accent: #4fc7a1; --accent-ink: #06281e; --tint: #1c332b; --bad: #ff8a80; --wait: #f0bd5c;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; border: 0;
}
body {
  margin: 0 auto; padding: clamp(1rem, 4vw, 2.75rem); max-width: 74rem;
  background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
}
code, time, .path, #echo-log { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
h1 { margin: 0; font-size: clamp(1.75rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing: -0.02em; }
header > p { margin: .6rem 0 0; max-width: 42rem; color: var(--soft); }
.path { display: flex; flex-wrap: wrap; gap: .4rem 0; margin: 1.25rem 0 1.75rem; padding: 0; list-style: none; font-size: .85rem; }
.path li { padding: .3rem .75rem; border: 1px solid var(--line); border-radius: 99px; background: var(--card); overflow-wrap: anywhere; }
.path li:last-child { border-color: var(--accent); background: var(--tint); }
.path li + li { position: relative; margin-left: 1.75rem; }
.path li + li::before { content: '\\2192' / ''; position: absolute; left: -1.4rem; color: var(--soft); }
main { display: grid; gap: 1rem; align-items: start; }
.try { display: grid; gap: 1rem; }
@media (max-width: 56rem) { .request { order: 1; } }
@media (min-width: 56rem) { main { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
section {
  display: flow-root; min-width: 0; padding: 1.1rem 1.25rem 1.25rem;
  border: 1px solid var(--line); border-radius: .75rem; background: var(--card);
}
h2 { display: inline; margin: 0; font-size: 1.05rem; }
section > *:not(h2, .state, .hidden) { clear: both; margin-top: .8rem; }
.state { float: right; margin: .1rem 0 0 .25rem; font-size: .8rem; color: var(--wait); }
.state::before { content: ''; display: inline-block; width: .55em; height: .55em; margin-right: .45em; border-radius: 50%; background: currentColor; }
.state.open { color: var(--accent); }
.state.closed { color: var(--bad); }
.note { margin-bottom: 0; font-size: .85rem; color: var(--soft); }
table { width: 100%; border-collapse: collapse; font-size: .85rem; }
th, td { padding: .4rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { width: 38%; padding-right: 1rem; font-weight: 500; color: var(--soft); }
.line td { padding: .5rem .7rem; border: 0; border-radius: .4rem; background: var(--tint); font-weight: 600; }
.line + tr > * { border-top: 0; padding-top: .7rem; }
.added th { color: var(--accent); font-weight: 600; }
#echo-log {
  height: 8.5rem; margin-bottom: 0; padding: .6rem .8rem; overflow-y: auto; list-style: none;
  border: 1px solid var(--line); border-radius: .5rem; background: var(--back); font-size: .85rem; overflow-wrap: anywhere; white-space: pre-wrap;
}
#echo-log:empty::before { content: 'Nothing sent yet'; color: var(--soft); }
#echo-log .sent { color: var(--soft); }
#echo-log .note { color: var(--wait); }
.row { display: flex; flex-wrap: wrap; gap: .5rem; margin-bottom: 0; }
input[type=text] {
  flex: 1 1 10rem; min-width: 0; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--back); color: inherit; font: inherit;
}
button, .links a {
  padding: .5rem 1rem; border: 1px solid var(--accent); border-radius: .5rem; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer;
}
button { background: var(--accent); color: var(--accent-ink); }
button:disabled { opacity: .5; cursor: default; }
.links a { padding: .35rem .85rem; color: var(--accent); font-size: .9rem; }
.links a:hover { background: var(--tint); }
:focus-visible, #upload-form:has(:focus-visible) .drop { outline: 3px solid var(--accent); outline-offset: 2px; }
#clock { display: block; font-size: clamp(1.1rem, 3.2vw, 1.5rem); font-variant-numeric: tabular-nums; letter-spacing: -0.02em; }
#clock + .note { margin-top: .3rem; }
.drop { display: block; padding: 1.1rem; border: 1.5px dashed var(--line); border-radius: .5rem; text-align: center; cursor: pointer; }
.drop span { color: var(--soft); }
.drop strong { color: var(--accent); }
.drop:hover, .drop.over { border-color: var(--accent); background: var(--tint); }
progress { display: block; width: 100%; height: .5rem; accent-color: var(--accent); }
#upload-result { display: block; font-size: .9rem; overflow-wrap: anywhere; }
#upload-result:empty { display: none; }
#upload-result.failed { color: var(--bad); }
#upload-result code { display: block; margin-top: .25rem; font-size: .8rem; color: var(--soft); }
`
