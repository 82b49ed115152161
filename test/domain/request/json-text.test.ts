import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonText } from '../../../src/domain/request/json-text.ts';

const message = (text: string): string => {
  const parsed = parseJsonText(text);
  return parsed.ok ? '' : parsed.message;
};

describe('parseJsonText', () => {
  it.each([
    '{"key":"a","metadata":{"key":"b"}}',
    '[{"a":1},{"a":2}]',
    '{"a":[{"a":1},"a","a"],"b":"a"}',
    '{"a":"\\"a\\":1,{","b":"\\\\"}',
    ' { "a" : -1.5e3 , "b" : [ ] , "c" : { } , "": null } ',
    '"a"',
  ])('reads %s as JSON.parse does', (text) => {
    expect(parseJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
  });

  it('reads whatever JSON.parse reads, with each name once', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        expect(parseJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
      }),
    );
  });

  it.each([
    ['{"key":"a","key":"b"}', '"key"'],
    ['{"key":"a","amount":"1.00","key":"a"}', '"key"'],
    [String.raw`{"key":"a","\u006bey":"b"}`, '"key"'],
    [String.raw`{"\u006b\u0065\u0079":"a","key":"b"}`, '"key"'],
    ['{"metadata":{"a":"1","b":"2","a":"3"}}', '"a"'],
    ['{"x":[1,[{"deep":{"n":1,"n":2}}]]}', '"n"'],
    ['{"a":{"x":1},"b":{"x":1},"a":{}}', '"a"'],
    ['{"__proto__":{"key":"a"},"__proto__":{"key":"b"}}', '"__proto__"'],
    ['{"":1,"":2}', '""'],
    [String.raw`{"a\/b":1,"a/b":2}`, '"a/b"'],
  ])('refuses %s and says the name', (text, name) => {
    expect(message(text)).toBe(
      `the name ${name} stands in it twice, and which of the two values is meant cannot be known: keep one`,
    );
    expect(parseJsonText(text)).toMatchObject({ twice: [JSON.parse(name)] });
  });

  it('hides a secret in a name that is there twice, and shortens a long one', () => {
    const secret = `sk_test_${'a1'.repeat(20)}`;
    expect(message(`{"${secret}":1,"${secret}":2}`)).not.toContain('a1a1');
    const long = 'n'.repeat(100_000);
    expect(message(`{"${long}":1,"${long}":2}`).length).toBeLessThan(300);
  });

  it('names a few of many', () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `"n${String(at)}":1`).join(',');
    const parsed = parseJsonText(`{${names},${names}}`);
    expect(parsed.ok ? 0 : parsed.message.length).toBeLessThan(500);
    expect(message(`{${names},${names}}`)).toContain('and 9997 more');
  });

  const notJson = [
    '',
    '{',
    '{"a"}',
    '{"a":1,}',
    '[1 2]',
    "{'a':1}",
    '{"a":1}x',
    '{"a":"\t"}',
    '"\\x"',
    '{"a":1,"a"',
    '}',
    ']',
    '{]',
    '{"a":1}}',
    '\ufeff{}',
    '\u00a0{}',
    'NaN',
  ];

  it.each(notJson)('refuses %j, which is not JSON', (text) => {
    expect(message(text)).toBe('it is not JSON');
  });

  it.each(['[', '{"a":', '[{"a":', '{', '[['])(
    'refuses %j a hundred thousand times over without using up the stack',
    (opening) => {
      expect(message(opening.repeat(100_000))).toBe('it is nested deeper than a charge can be');
      expect(message(`{"key":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBe(
        'it is nested deeper than a charge can be',
      );
    },
  );

  it('lets a name of JavaScript itself do no harm', () => {
    const parsed = parseJsonText(
      '{"__proto__":{"key":"stolen"},"constructor":{"prototype":{"key":"stolen"}}}',
    );
    expect(parsed.ok && Object.keys(parsed.value as object)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['key']).toBeUndefined();
  });
});
