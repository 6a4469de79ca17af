/** A contact sheet: neutral paper and hairlines; the screenshots are the only colour. */
export const STYLE = `:root {
  color-scheme: light dark;
  --paper: light-dark(#faf9f7, #131416); --card: light-dark(#fff, #1b1d20); --plate: light-dark(#efede8, #26292d);
  --ink: light-dark(#1c1b19, #eceae6); --quiet: light-dark(#66635d, #a19d96); --line: light-dark(#e3e0da, #2f3236);
  --accent: light-dark(#0b57d0, #8ab4ff); --on-accent: light-dark(#fff, #0b1b33);
  --warn: light-dark(#8a5a00, #e8b84f); --bad: light-dark(#b3261e, #ff8a80);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
*, ::before, ::after { box-sizing: border-box; margin: 0 }
[hidden] { display: none !important }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 20px; font-weight: 600; line-height: 1.3 }
h2 { font-size: 15px; font-weight: 600; margin-top: 24px }
small, .quiet { font-size: 13px; color: var(--quiet) }
code, pre, .id { font: 13px/1.5 var(--mono); overflow-wrap: anywhere }
a { color: inherit; text-decoration: none }
a:hover, p a, td small a, dd a, .more a { text-decoration: underline; text-underline-offset: 3px }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px }
.unseen { position: absolute; clip-path: inset(50%); inline-size: 1px; block-size: 1px; overflow: hidden; white-space: nowrap }
.bar { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line) }
header, main { max-width: 1200px; margin: auto; padding: 0 24px }
header { display: flex; align-items: center; gap: 24px; height: 48px; white-space: nowrap }
header .name { font: 600 13px var(--mono) }
header nav { display: flex; gap: 16px; flex: 1 }
header nav a, header button { color: var(--quiet) }
header nav a[aria-current] { color: var(--ink); font-weight: 600 }
header button { border-color: transparent; background: none; padding: 0 }
main { padding-block: 24px 40px }
button, .button, summary.button { font: inherit; min-height: 32px; padding: 0 12px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; display: inline-flex; align-items: center; white-space: nowrap }
button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
button.bad { color: var(--bad) }
summary { cursor: pointer; list-style: none; inline-size: fit-content } summary::-webkit-details-marker { display: none } summary small { text-decoration: underline; text-underline-offset: 3px }
input, select { font: inherit; height: 32px; padding: 0 8px; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px }
input { font: 13px var(--mono); min-inline-size: 0 } input::placeholder { color: var(--quiet); opacity: 1 }
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-bottom: 12px }
.tools input { flex: 1; max-width: 360px }
.more { display: flex; gap: 16px; padding-top: 16px; border-top: 1px solid var(--line) }
.note { margin-bottom: 16px; padding-inline-start: 12px; border-inline-start: 2px solid var(--accent) } .note.bad { border-color: var(--bad) }
.tasks, .sheet, .checks { list-style: none; padding: 0 }
.tasks > li { display: grid; grid-template-columns: 240px minmax(0, 1fr); gap: 24px; padding: 16px 0; border-top: 1px solid var(--line); position: relative }
.tasks li > div { min-width: 0 } .tasks small { display: block }
.tasks .id { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.tasks .id::after { content: ""; position: absolute; inset: 0 }
.strip { display: flex; gap: 4px; overflow: hidden; align-items: start }
.frame { flex: none; inline-size: 112px; aspect-ratio: 16 / 9; background: var(--plate); border-radius: 3px; overflow: hidden; display: grid; place-items: center; place-content: center; font-size: 13px; color: var(--quiet); text-align: center }
.frame img { inline-size: 100%; block-size: 100%; object-fit: cover; display: block; overflow: hidden }
.frame:has(img) { place-content: stretch }
.frame code { max-inline-size: 100%; padding: 0 4px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.status { display: inline-flex; align-items: baseline; gap: 8px; font-size: 13px }
.status::before { content: ""; flex: none; inline-size: 8px; block-size: 8px; border-radius: 50%; background: var(--quiet) }
.pending::before { background: none; border: 2px solid var(--quiet) }
.failed, .status.bad { color: var(--bad) } .failed::before, .status.bad::before { background: var(--bad); border-radius: 1px }
.waiting { color: var(--warn) } .waiting::before { background: var(--warn) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 16px 0 24px } dt { color: var(--quiet) } dd { min-inline-size: 0; overflow-wrap: anywhere }
.time { display: block; inline-size: 100%; block-size: 24px; margin: 8px 0 12px; overflow: visible }
.time line { stroke: var(--line); stroke-width: 2 } .time circle { fill: var(--ink) }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px; margin: 12px 0 24px }
.sheet .frame { inline-size: 100% } .sheet small { display: flex; justify-content: space-between }
.empty { max-width: 60ch; padding: 40px 0 } .empty p { margin: 8px 0 16px } .empty pre + form { margin-top: 16px }
.empty form:not(.tools) { display: grid; gap: 8px; justify-items: start } .empty form input { inline-size: 100% }
pre { background: var(--plate); border-radius: 6px; padding: 12px; overflow-x: auto; max-block-size: 480px; white-space: pre-wrap; margin-top: 8px }
table { inline-size: 100%; border-collapse: collapse; margin-top: 16px }
td { text-align: start; padding: 12px 16px 12px 0; border-top: 1px solid var(--line); vertical-align: top } td > small { display: block }
td.age { white-space: nowrap } td:last-child { padding: 8px 0 } td details { max-inline-size: 100% }
.pair ~ .acts { margin-top: 16px } .acts { display: flex; flex-wrap: wrap; gap: 8px; justify-content: end; align-items: start } .acts details[open] { text-align: end } .acts details form { margin-top: 8px }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 16px }
.checks > li { padding: 8px 0; border-top: 1px solid var(--line) } .checks .status { font-size: 15px } .checks .well { color: var(--ink) }
.checks small { display: block; padding-inline-start: 16px } .checks pre { margin: 8px 0 0 16px }
.steps { margin: 8px 0 } .steps > li { padding: 0; border: 0 } .test { margin-block: 16px 24px }
dialog { inline-size: 100%; block-size: 100%; max-inline-size: 100%; max-block-size: 100%; padding: 16px; border: 0; background: #0b0b0c; color: #eceae6; --quiet: #a19d96; --accent: #8ab4ff }
dialog[open] { display: grid; grid-template-rows: minmax(0, 1fr) auto; gap: 12px; place-items: center }
dialog div { display: grid; place-items: center; inline-size: 100%; block-size: 100%; min-block-size: 0 } dialog [aria-disabled=true] { color: var(--quiet); cursor: default }
dialog img { max-inline-size: 100%; max-block-size: 100%; object-fit: contain } dialog button { background: none; color: inherit; border-color: #2f3236 }
dialog p { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; justify-content: center }
[data-loading] { opacity: 0 }
@media (pointer: coarse) { button, .button, summary.button, input, select { min-height: 44px } }
@media (max-width: 640px) {
  header, main { padding-inline: 16px } header { flex-wrap: wrap; gap: 0 12px; height: auto; min-height: 48px; padding-block: 2px } header nav { gap: 12px } header .status { order: 1; inline-size: 100%; padding-block-end: 8px } header .name, header .status.well { display: none }
  .tasks > li { grid-template-columns: 1fr; gap: 8px } .strip { margin-inline-end: -16px }
  table, tbody, tr, td { display: block } td { padding: 4px 0; border: 0 } tr { border-top: 1px solid var(--line); padding: 8px 0 } .acts { justify-content: start } .acts details[open] { text-align: start }
}
@media (prefers-reduced-motion: no-preference) { .frame img { transition: opacity 120ms } }
`
