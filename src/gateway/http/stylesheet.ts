/** The gateway's own pages; one sheet, light and dark, no fonts or images from elsewhere. */
export const STYLESHEET = `:root {
  color-scheme: light dark;
  --page: #f4f6f8; --card: #ffffff; --line: #d8dee5; --text: #17202b; --muted: #566475;
  --accent: #1f5fd0; --accent-text: #ffffff; --bad: #a9231b; --bad-page: #fdeceb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151c; --card: #18202a; --line: #2c3846; --text: #e6ebf1; --muted: #98a6b6;
    --accent: #6ea2ff; --accent-text: #0c1420; --bad: #ff9d94; --bad-page: #371b1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main {
  width: min(25rem, 100%); background: var(--card); border: 1px solid var(--line);
  border-radius: 0.75rem; padding: 2rem; box-shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 8px 24px rgb(0 0 0 / 6%);
}
.brand { display: flex; align-items: center; gap: 0.6rem; margin: 0 0 1.25rem; font-weight: 600; }
.brand svg { width: 1.75rem; height: 1.75rem; color: var(--accent); }
h1 { margin: 0 0 0.35rem; font-size: 1.3rem; line-height: 1.25; }
p { margin: 0 0 1.25rem; color: var(--muted); }
label { display: block; margin-bottom: 0.35rem; font-weight: 600; font-size: 0.9rem; }
input {
  width: 100%; padding: 0.6rem 0.75rem; border: 1px solid var(--line); border-radius: 0.5rem;
  background: var(--page); color: var(--text); font: inherit;
}
button, .button {
  display: block; width: 100%; margin-top: 1rem; padding: 0.65rem 1rem; border: 0; border-radius: 0.5rem;
  background: var(--accent); color: var(--accent-text); font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer;
}
button:hover, .button:hover { filter: brightness(1.08); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.problem {
  margin: 0 0 1.25rem; padding: 0.6rem 0.75rem; border-radius: 0.5rem;
  background: var(--bad-page); color: var(--bad);
}
.hint { margin: 1.25rem 0 0; font-size: 0.85rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.85em; }
a { color: var(--accent); }
`;
