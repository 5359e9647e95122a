// How it looks. A constructed sheet: a Content-Security-Policy without inline styles allows it.

const LIGHT = `--ground:#fff;--ink:#14161b;--soft:#565d6b;--line:#dcdfe6;--fill:#edeff3;
  --press:#e2e5eb;--track:#d3d7df;--shade:0 1px 2px #1018280f,0 4px 16px #10182812;
  --bold:var(--accent-on-light);color-scheme:light`;
const DARK = `--ground:#17191f;--ink:#f1f3f7;--soft:#a9b0bd;--line:#2d313b;--fill:#252932;
  --press:#313641;--track:#3b414d;--shade:0 1px 2px #0006,0 6px 20px #0005;
  --bold:var(--accent-on-dark);color-scheme:dark`;

const STYLE = `
:host{all:initial;display:block;container-type:inline-size;min-width:min(280px,100%)}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box}
.intone{${LIGHT};font:400 15px/1.45 var(--intone-font,system-ui,-apple-system,"Segoe UI",Roboto,
  "Noto Sans",sans-serif);color:var(--ink);-webkit-tap-highlight-color:transparent}
.intone[data-theme=dark]{${DARK}}
@media (prefers-color-scheme:dark){.intone[data-theme=auto]{${DARK}}}
.card,.mini{background:var(--ground);border:1px solid var(--line);border-radius:18px;
  box-shadow:var(--shade);color:var(--ink)}
.card{padding:16px 18px 10px;position:relative;overflow:hidden}
.head{display:flex;align-items:center;gap:14px}
.what{flex:1;min-width:0}
.kicker{margin:0;color:var(--soft);font-size:13px}
.title{margin:1px 0 0;font-size:16px;font-weight:650;line-height:1.3;overflow:hidden;
  display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow-wrap:anywhere}
[dir=ltr] .title{text-align:left}[dir=rtl] .title{text-align:right}
button,select,a{font:inherit;color:inherit}
button,.tool{appearance:none;margin:0;border:0;background:none;cursor:pointer;
  display:inline-flex;align-items:center;justify-content:center;text-decoration:none}
button:disabled{cursor:default;opacity:.45}
svg{display:block;width:24px;height:24px;fill:currentColor;flex:none}
:focus-visible{outline:3px solid var(--bold);outline-offset:2px}
.go{width:54px;height:54px;padding:0;border-radius:50%;background:var(--accent);
  color:var(--on-accent);flex:none;position:relative;transition:transform .15s,filter .15s}
.go:hover{filter:brightness(1.08);transform:scale(1.04)}
.go svg{width:30px;height:30px}
.go.waits::after{content:"";position:absolute;inset:-5px;border-radius:50%;
  border:3px solid var(--track);border-block-start-color:var(--bold);
  animation:turn 1s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}
.bar{display:flex;align-items:center;gap:10px;margin-block-start:12px}
.time{font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums;min-width:2.6em;
  direction:ltr}
.time.end{text-align:end}
input[type=range]{appearance:none;-webkit-appearance:none;flex:1;min-width:0;margin:0;height:24px;
  background:none;cursor:pointer;border-radius:8px;--at:0%;--side:0}
[dir=rtl] input[type=range]{--side:100%}
input[type=range]:disabled{cursor:default}
input[type=range]::-webkit-slider-runnable-track{height:6px;border-radius:3px;background:
  linear-gradient(var(--bold) 0 0) var(--side) 0/var(--at) 100% no-repeat,var(--track)}
input[type=range]::-moz-range-track{height:6px;border-radius:3px;background:
  linear-gradient(var(--bold) 0 0) var(--side) 0/var(--at) 100% no-repeat,var(--track)}
input[type=range]::-webkit-slider-thumb{-webkit-appearance:none;width:16px;height:16px;
  margin-top:-5px;border-radius:50%;background:var(--bold);border:2px solid var(--ground);
  transition:transform .15s}
input[type=range]::-moz-range-thumb{width:12px;height:12px;border-radius:50%;
  background:var(--bold);border:2px solid var(--ground)}
input[type=range]:hover::-webkit-slider-thumb{transform:scale(1.2)}
input[type=range]:disabled::-webkit-slider-thumb{visibility:hidden}
.tools{display:flex;flex-wrap:wrap;align-items:center;gap:2px 4px;margin:4px -8px 0}
.tool svg{width:26px;height:26px}
.tool{min-width:40px;height:40px;padding:0 8px;border-radius:10px;color:var(--soft);
  font-size:14px;gap:6px}
.tool:hover{background:var(--fill);color:var(--ink)}
.tool:active{background:var(--press)}
.tool[aria-expanded=true]{background:var(--fill);color:var(--bold)}
.ends{display:inline-flex;align-items:center;gap:4px;margin-inline-start:auto}
.pick{position:relative;display:inline-flex;max-width:160px}
.pick select{appearance:none;-webkit-appearance:none;border:0;background:none;height:40px;
  border-radius:10px;padding:0 26px 0 10px;font-size:14px;font-weight:600;color:var(--soft);
  cursor:pointer;max-width:100%;text-overflow:ellipsis;field-sizing:content}
.pick .speed{direction:ltr}
[dir=rtl] .skip path{transform:scaleX(-1);transform-origin:center}
[dir=rtl] .pick select{padding:0 10px 0 26px}
.pick select:hover{background:var(--fill);color:var(--ink)}
.pick option{background:var(--ground);color:var(--ink)}
.pick svg{position:absolute;inset-inline-end:6px;inset-block-start:11px;width:18px;height:18px;
  color:var(--soft);pointer-events:none}
.volume{display:inline-flex;align-items:center}
.volume input{width:76px;flex:none;margin-inline-end:8px}
.news{margin:2px 0 8px;font-size:14px;display:flex;gap:12px;align-items:center;flex-wrap:wrap}
.news button{min-height:36px;padding:0 14px;border-radius:18px;background:var(--accent);
  color:var(--on-accent);font-weight:600}
.made{position:absolute;inset-inline:0;inset-block-start:0;height:3px;background:none}
.made i{display:block;height:100%;width:var(--made,0%);background:var(--bold);
  transition:width .6s}
.transcript{margin-block:6px 8px;max-height:min(280px,45vh);overflow:auto;overscroll-behavior:auto;
  border-block-start:1px solid var(--line);padding-block:8px;scrollbar-width:thin;
  scrollbar-color:var(--track) transparent;position:relative}
.transcript button{display:block;width:100%;text-align:start;padding:6px 10px;border-radius:10px;
  font-size:16px;line-height:1.6;color:var(--soft);user-select:text}
.transcript button:hover{color:var(--ink)}
.transcript button[aria-current]{color:var(--ink)}
.transcript :focus-visible{outline-offset:-3px}
.lit{background:var(--accent);color:var(--on-accent);border-radius:5px;
  box-shadow:0 0 0 2px var(--accent)}
.mini{position:fixed;inset:auto;inset-block-end:16px;inset-inline-end:16px;margin:0;
  padding:10px 6px 10px 12px;width:min(380px,calc(100vw - 32px));z-index:2147483000;display:flex;
  align-items:center;gap:10px;overflow:hidden}
[dir=rtl].mini{padding:10px 12px 10px 6px}
.mini .go{width:42px;height:42px}.mini .go svg{width:24px;height:24px}
.mini .title{font-size:14px;-webkit-line-clamp:1;margin:0}
.mini .kicker{font-size:12px;font-variant-numeric:tabular-nums}
.mini>i{position:absolute;inset-inline-start:0;inset-block-end:0;height:3px;background:var(--bold);
  width:var(--at,0%)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
  white-space:nowrap}
@container (max-width:460px){
  .card{padding:14px 14px 8px}.head{gap:12px}.go{width:48px;height:48px}
  .volume input{display:none}.pick{max-width:110px}
}
@container (max-width:340px){
  .volume{display:none}.tools{gap:2px}.ends{gap:2px}.tool{min-width:36px;padding:0 5px}
  .pick{max-width:80px}.pick select{padding:0 20px 0 6px}.pick svg{inset-inline-end:2px}
  [dir=rtl] .pick select{padding:0 6px 0 20px}
}
@media (prefers-reduced-motion:reduce){
  *,::before,::after{transition:none!important;animation:none!important}
}
@media (forced-colors:active){
  .go,.lit,.news button{forced-color-adjust:none;background:ButtonText;color:ButtonFace}
  .lit{background:Highlight;color:HighlightText;box-shadow:none}
  .made i,.mini>i{forced-color-adjust:none;background:Highlight}
  input[type=range]{forced-color-adjust:none;--bold:Highlight;--track:GrayText;--ground:Canvas}
  :focus-visible{outline-color:Highlight}
}`;

let sheet;

// Gives a shadow root the style; older browsers get an element, which a strict policy may refuse.
function dress(root) {
  if (!("adoptedStyleSheets" in root)) {
    root.append(make("style", { text: STYLE }));
    return;
  }
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  root.adoptedStyleSheets = [sheet];
}
