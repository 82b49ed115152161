import { describe, expect, it } from 'vitest';
import { escapeXml, lengthsOf, svgOf, type Chart } from '../../bench/suite/chart.ts';

const chart: Chart = {
  title: 'A & B',
  subtitle: 'one <two>',
  series: ['"ours"', "the peer's"],
  scale: 'linear',
  groups: [
    {
      title: '<group>',
      bars: [
        { label: 'a < b', value: 2, text: '2 & more', series: 0 },
        { label: '', value: 1, text: '1', series: 1 },
      ],
    },
  ],
  mark: { at: 4, text: 'goal > 1' },
};

function numbers(svg: string, pattern: RegExp): number[] {
  return [...svg.matchAll(pattern)].map((match) => Number(match[1]));
}

describe('escapeXml', () => {
  it('leaves nothing that XML would read', () => {
    expect(escapeXml(`<a href="x">'&amp;'</a>`)).toBe(
      '&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;',
    );
  });

  it('replaces characters that XML must not hold', () => {
    expect(escapeXml('a\u0000b\u001bc\nd')).toBe('a\ufffdb\ufffdc\nd');
  });
});

describe('lengthsOf', () => {
  it('is in proportion on a linear scale', () => {
    expect(lengthsOf([4, 1, 0], 'linear')).toEqual([1, 0.25, 0]);
  });

  it('gives each power of ten the same length on a logarithmic scale, and nothing no length', () => {
    const [thousand = 0, hundred = 0, ten = 0, none] = lengthsOf(
      [1_000, 100, 10, 0],
      'logarithmic',
    );
    expect(thousand).toBe(1);
    expect(thousand - hundred).toBeCloseTo(hundred - ten, 10);
    expect(ten).toBeGreaterThan(0);
    expect(none).toBe(0);
  });
});

describe('svgOf', () => {
  const svg = svgOf(chart);

  it('escapes every text', () => {
    const texts = [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/gu)].map(([, text]) => text);
    expect(texts).toEqual(
      expect.arrayContaining([
        'A &amp; B',
        'one &lt;two&gt;',
        '&quot;ours&quot;',
        'the peer&#39;s',
        '&lt;group&gt;',
        'a &lt; b',
        '2 &amp; more',
        'goal &gt; 1',
      ]),
    );
    expect(svg).toContain('aria-label="A &amp; B"');
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    for (const [, closing, name = '', attributes = ''] of svg.matchAll(
      /<(\/?)([a-z]+)([^>]*)>/gu,
    )) {
      if (closing === '/') expect(open.pop()).toBe(name);
      else if (!attributes.endsWith('/')) open.push(name);
    }
    expect(open).toEqual([]);
  });

  it('draws bars as long as their values, with the mark among them, all of it inside', () => {
    const [ours = 0, peer = 0] = numbers(
      svg,
      /<rect class="s\d"[^>]* width="([\d.]+)" height="16"/gu,
    );
    expect(ours / peer).toBeCloseTo(2, 1);
    const [left = 0] = numbers(svg, /<rect class="s0" x="([\d.]+)"[^>]* height="16"/gu);
    const [mark = 0] = numbers(svg, /<line class="mark" x1="([\d.]+)"/gu);
    expect((mark - left) / ours).toBeCloseTo(2, 1);
    const [width = 0] = numbers(svg, /viewBox="0 0 (\d+)/gu);
    expect(Math.max(...numbers(svg, / x[12]?="([\d.]+)"/gu))).toBeLessThanOrEqual(width);
  });
});
