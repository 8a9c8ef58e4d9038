import type { createBullBoard } from '@bull-board/api';

type UiConfig = NonNullable<
  NonNullable<Parameters<typeof createBullBoard>[0]['options']>['uiConfig']
>;

/** Seconds between a tab's questions for all queues; Bull Board's own five weigh on a busy engine. */
const POLL_SECONDS = 10;

const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const;
const DAY = { month: 'short', day: '2-digit' } as const;

/** How Bull Board's page looks and what it links to. */
export const boardUiConfig = (basePath: string, environment: string | null): UiConfig => ({
  boardTitle: 'Opsloop',
  boardLogo: { path: `${basePath}/assets/opsloop.svg`, width: 24, height: 24 },
  favIcon: {
    default: `${basePath}/assets/opsloop.svg`,
    alternative: 'static/favicon-32x32.png',
  },
  hideDocsLink: true,
  // Memory and version of the engine are for those who run it; /readyz tells the rest.
  hideRedisDetails: true,
  miscLinks: [
    { text: 'Readiness', url: `${basePath}/readyz` },
    { text: 'API', url: `${basePath}/openapi.json` },
    { text: 'Log out', url: `${basePath}/logout` },
  ],
  pollingInterval: { showSetting: false, forceInterval: POLL_SECONDS },
  dateFormats: {
    short: TIME,
    common: { ...DAY, ...TIME },
    full: { year: 'numeric', ...DAY, ...TIME },
  },
  sortQueues: true,
  overview: { groupByDelimiter: true },
  ...(environment === null
    ? {}
    : { environment: { label: environment, color: '#1f5fd0', textColor: '#ffffff' } }),
});
