import type { AuditEvent } from '#audit/audit-event';
import { GATEWAY_KEY, type TestGateway } from './test-gateway.ts';

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly error: Readonly<Record<string, unknown>>;
}

type SentHeaders = Readonly<Record<string, string>>;

/** Speaks to a test's gateway over HTTP, with the gateway's own key unless told otherwise. */
export class GatewayClient {
  readonly #site: TestGateway;

  constructor(site: TestGateway) {
    this.#site = site;
  }

  async send(path: string, init: RequestInit): Promise<GatewayAnswer> {
    const answer = await fetch(`${this.#site.url}${path}`, { redirect: 'manual', ...init });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    const body = (isJson ? JSON.parse(text) : {}) as Record<string, unknown>;
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body,
      error: (body['error'] ?? {}) as Record<string, unknown>,
    };
  }

  get(path: string, headers: SentHeaders = {}): Promise<GatewayAnswer> {
    return this.send(path, { headers: { 'x-api-key': GATEWAY_KEY, ...headers } });
  }

  /** @param body sent as it is when it is text, else as JSON */
  post(path: string, body: unknown, headers: SentHeaders = {}): Promise<GatewayAnswer> {
    return this.send(path, {
      method: 'POST',
      headers: { 'x-api-key': GATEWAY_KEY, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** `action` of the probe, as the agent `helion`, who may use it. */
  probe(action: string, params: object = {}, headers: SentHeaders = {}): Promise<GatewayAnswer> {
    return this.post('/v1/tools/probe', { action, params }, { 'x-agent-id': 'helion', ...headers });
  }

  /** The secret of a new key. */
  async createKey(wanted: {
    readonly role: string;
    readonly agents?: readonly string[];
    readonly workspaces?: readonly string[];
  }): Promise<{ readonly id: string; readonly key: string }> {
    const { apiKey, key } = await this.#site.keys.create({
      name: 'a test',
      agents: [],
      workspaces: [],
      createdBy: 'test',
      expiresAt: null,
      ...wanted,
    });
    return { id: apiKey.id, key };
  }

  async events(): Promise<readonly AuditEvent[]> {
    await this.#site.audit.flush();
    return (await this.#site.audit.read({})).events;
  }

  /** Does something and answers it with the events that it left. */
  async leaving<T>(work: () => Promise<T>): Promise<readonly [T, readonly AuditEvent[]]> {
    const before = (await this.events()).length;
    const done = await work();
    return [done, (await this.events()).slice(before)];
  }
}
