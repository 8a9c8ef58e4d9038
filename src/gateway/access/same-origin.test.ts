import { expect, it } from 'vitest';
import { requestSource, toPublicAddress } from './same-origin.ts';

it('reads PUBLIC_URL with and without a path', () => {
  expect(toPublicAddress('https://ops.example.org/loop/')).toEqual({
    url: 'https://ops.example.org/loop',
    basePath: '/loop',
    origin: 'https://ops.example.org',
    isHttps: true,
  });
  expect(toPublicAddress('http://127.0.0.1:8080').basePath).toBe('');
});

it.each([
  [{}, 'silent'],
  [{ 'sec-fetch-site': 'same-origin' }, 'same'],
  [{ 'sec-fetch-site': 'none' }, 'same'],
  [{ 'sec-fetch-site': 'same-site', origin: 'https://ops.example.org' }, 'other'],
  [{ 'sec-fetch-site': 'cross-site' }, 'other'],
  [{ origin: 'https://ops.example.org' }, 'same'],
  [{ origin: 'http://ops.example.org' }, 'other'],
  [{ origin: 'https://ops.example.org:444' }, 'other'],
  [{ origin: 'https://ops.example.org.evil.example' }, 'other'],
  [{ origin: 'null' }, 'other'],
  // What the client says of the host it asked for counts for nothing.
  [{ origin: 'http://evil.example', host: 'evil.example' }, 'other'],
] as const)('takes %j as %s', (headers, source) => {
  expect(requestSource(headers, toPublicAddress('https://ops.example.org/loop'))).toBe(source);
});
