import { html } from '../http/html.ts';
import { renderPage } from '../http/page.ts';

export const renderLoginPage = (page: {
  readonly basePath: string;
  /** Local path to go to afterwards. */
  readonly next: string;
  readonly problem: string | null;
}): string =>
  renderPage({
    title: 'Log in',
    basePath: page.basePath,
    content: html`<h1>Log in</h1>
<p>The dashboard asks for an API key once; the session lasts twelve hours.</p>
${page.problem === null ? null : html`<div class="problem" role="alert">${page.problem}</div>`}
<form method="post" action="${page.basePath}/login">
<input type="hidden" name="next" value="${page.next}">
<label for="api_key">API key</label>
<input id="api_key" name="api_key" type="password" autocomplete="current-password" spellcheck="false" required autofocus>
<button type="submit">Log in</button>
</form>
<p class="hint">The first key is the value of <code>GATEWAY_API_KEY</code>, or stands in the file <code>gateway-api-key</code> of the data directory.</p>`,
  });

export const renderLogoutPage = (page: {
  readonly basePath: string;
  readonly name: string;
  readonly role: string;
}): string =>
  renderPage({
    title: 'Log out',
    basePath: page.basePath,
    content: html`<h1>Log out?</h1>
<p>You are logged in with <strong>${page.name}</strong> as ${page.role}.</p>
<form method="post" action="${page.basePath}/logout"><button type="submit">Log out</button></form>
<p class="hint"><a href="${page.basePath}/board">Back to the board</a></p>`,
  });

export const renderProblemPage = (page: {
  readonly basePath: string;
  readonly title: string;
  readonly message: string;
  readonly requestId: string;
}): string =>
  renderPage({
    title: page.title,
    basePath: page.basePath,
    content: html`<h1>${page.title}</h1>
<p>${page.message}</p>
<a class="button" href="${page.basePath}/">To the dashboard</a>
<p class="hint">Request <code>${page.requestId}</code></p>`,
  });
