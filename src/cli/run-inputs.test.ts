import { describe, expect, it } from 'vitest';
import { readInputArguments } from './run-inputs.ts';

const schema = {
  type: 'object',
  properties: {
    window_hours: { type: 'integer' },
    ratio: { type: 'number' },
    name: { type: 'string' },
    verbose: { type: 'boolean' },
    tools: { type: 'array', items: { type: 'string' } },
    days: { type: 'array', items: { type: 'integer' } },
    limits: { type: 'object' },
    until: { type: ['string', 'null'] },
    level: { enum: ['low', 'high'] },
    choice: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
  },
} as const;

describe('readInputArguments', () => {
  it.each([
    ['window_hours=48', { window_hours: 48 }],
    ['window_hours=forty', { window_hours: 'forty' }],
    ['window_hours=0x10', { window_hours: '0x10' }],
    ['ratio=-0.5', { ratio: -0.5 }],
    ['ratio=NaN', { ratio: 'NaN' }],
    ['name=42', { name: '42' }],
    ['name=a=b', { name: 'a=b' }],
    ['name=', { name: '' }],
    ['verbose=true', { verbose: true }],
    ['verbose=yes', { verbose: 'yes' }],
    ['tools=kb', { tools: ['kb'] }],
    ['tools=["kb","web"]', { tools: ['kb', 'web'] }],
    ['days=3', { days: [3] }],
    ['limits={"a":1}', { limits: { a: 1 } }],
    ['limits={broken', { limits: '{broken' }],
    ['until=null', { until: null }],
    ['level=low', { level: 'low' }],
    ['choice=7', { choice: 7 }],
    ['choice=seven', { choice: 'seven' }],
    ['unknown=1', { unknown: 1 }],
  ])('reads %s', (argument, expected) => {
    expect(readInputArguments([argument], schema)).toEqual({ inputs: expected, violations: [] });
  });

  it('gathers the items of a list from several arguments', () => {
    expect(readInputArguments(['days=1', 'name=x', 'days=2'], schema).inputs).toEqual({
      days: [1, 2],
      name: 'x',
    });
  });

  it('names every argument that has no name or is given twice', () => {
    expect(
      readInputArguments(['window_hours', '=3', 'name=a', 'name=b'], schema).violations,
    ).toEqual([
      { path: '$', message: '--input wants name=value, found "window_hours"' },
      { path: '$', message: '--input wants name=value, found "=3"' },
      { path: '$.name', message: 'is given 2 times' },
    ]);
  });

  it('keeps a name that objects inherit as an ordinary unknown input', () => {
    const { inputs } = readInputArguments(['__proto__={"polluted":true}', 'toString=1'], schema);
    expect(Object.keys(inputs)).toEqual(['__proto__', 'toString']);
    expect(Object.getPrototypeOf(inputs)).toBe(Object.prototype);
  });
});
