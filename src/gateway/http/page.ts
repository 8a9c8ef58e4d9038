import { html, type SafeHtml } from './html.ts';

/** A page of the gateway around its content. `basePath` is what browsers put before our paths. */
export const renderPage = (page: {
  readonly title: string;
  readonly basePath: string;
  readonly content: SafeHtml;
}): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${page.title} · Opsloop</title>
<link rel="icon" href="${page.basePath}/assets/opsloop.svg" type="image/svg+xml">
<link rel="stylesheet" href="${page.basePath}/assets/opsloop.css">
</head>
<body>
<main>
<div class="brand"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" aria-hidden="true"><path d="M20 12a8 8 0 1 1-2.6-5.9"/><path d="M20.5 3v4.2h-4.2" stroke-linejoin="round"/></svg><span>Opsloop</span></div>
${page.content}
</main>
</body>
</html>
`.text;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#1f5fd0" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><path d="M20 12a8 8 0 1 1-2.6-5.9"/><path d="M20.5 3v4.2h-4.2"/></svg>
`;
