/**
 * Sheet that the board's page loads after its own: system fonts, and without
 * the buttons of changes that would be refused. Only the icon tells buttons
 * apart in every language; `nYphDd` marks those above a list of jobs.
 */
export const BOARD_STYLESHEET = `:root, body.dark-mode {
  --font-sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --font-mono: ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
:is(button, [role="menuitem"]):has(> svg:is(
  .lucide-trash-2, .lucide-pencil, .lucide-ban, .lucide-gauge, .lucide-chart-no-axes-gantt
)),
button:has(> svg:is(.lucide-files, .lucide-corner-up-left, .lucide-clock, .lucide-play)),
button[class*="button-nYphDd"]:has(> svg.lucide-refresh-cw),
[role="menuitem"]:has(> svg.lucide-refresh-cw) {
  display: none;
}
`;

export const STYLESHEET_NAME = 'opsloop-board.css';

/** Bull Board's page without the fonts that it loads from another host, and with our sheet last. */
export const adaptBoardPage = (page: string): string =>
  page
    .replace(/<link\s[^>]*href="https?:[^>]*>/g, '')
    .replace('</head>', `<link href="${STYLESHEET_NAME}" rel="stylesheet"></head>`);
