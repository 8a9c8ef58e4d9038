import { describe, expect, it } from 'vitest';
import { renderRankChart, renderTimeChart, shortNumber } from './charts.ts';

const time = () =>
  renderTimeChart({
    title: 'Cost per hour (UTC)',
    unit: 'cost units',
    labels: ['09:00', '10:00', '11:00'],
    series: [
      { name: 'cost', kind: 'bar', values: [1, 20, 3] },
      { name: 'failed', kind: 'line', values: [0, 1, 0] },
    ],
  });

const rank = (label: string) =>
  renderRankChart({ title: 'Tools by cost', unit: 'cost units', bars: [{ label, value: 12.5 }] });

/** Every tag is closed in its order and every attribute is quoted: what an XML reader insists on. */
const expectWellFormed = (svg: string): void => {
  const open: string[] = [];
  for (const tag of svg.matchAll(/<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|<[^>]*>/g)) {
    const [whole, closing, name, , selfClosing] = tag;
    expect(name, `malformed tag ${whole}`).toBeDefined();
    if (closing === '/') expect(open.pop()).toBe(name);
    else if (selfClosing !== '/') open.push(name ?? '');
  }
  expect(open).toEqual([]);
};

describe('charts', () => {
  it('have the same bytes each time, whatever was drawn before', async () => {
    const first = await time();
    await rank('search');
    await time();
    expect(await time()).toBe(first);
    expect(first).not.toMatch(/zr\d/);
  });

  it('are well-formed, without style sheets, scripts or references to elsewhere', async () => {
    for (const svg of [await time(), await rank('search')]) {
      expectWellFormed(svg);
      expect(svg).not.toMatch(/<style|<script|class=|href=|url\(http/);
    }
  });

  it('name what they show, with unit', async () => {
    const svg = await time();
    expect(svg).toContain('<title>Cost per hour (UTC)</title>');
    for (const text of ['Cost per hour (UTC)', 'cost units', '09:00', 'failed']) {
      expect(svg).toContain(`>${text}</text>`);
    }
  });

  it('show hostile names as text', async () => {
    const svg = await rank('</text><script>alert("1")</script>');
    expectWellFormed(svg);
    expect(svg).not.toContain('<script');
  });

  it('do not measure in the language of the machine', () => {
    expect([0, 0.125, 999, 1500, 2_000_000, -12_340].map(shortNumber)).toEqual([
      '0',
      '0.13',
      '999',
      '1.5k',
      '2M',
      '-12.3k',
    ]);
  });
});
