/* Horizontal bars as SVG, readable on a light and on a dark page. Widths of text are estimated, generously: there is no browser here. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Written at its end; at the edge of the plot where there is a mark, which would cross it. */
  readonly text: string;
  /** Which of the series it belongs to, from 0; colours tell them apart. */
  readonly series: number;
}

export interface Group {
  /** Above its bars; empty for none. */
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Chart {
  readonly title: string;
  /** One line below the title. */
  readonly subtitle: string;
  /** Named only where there are several. */
  readonly series: readonly string[];
  readonly groups: readonly Group[];
  readonly scale: 'linear' | 'logarithmic';
  /** A line across all bars. */
  readonly mark: { readonly at: number; readonly text: string } | null;
}

const WIDTH = 840;
const PADDING = 20;
const FONT = 13;
/** Of the widest usual letters; the mean of a sentence is less. */
const LETTER = 7.2;
const BAR_HEIGHT = 16;
const ROW_HEIGHT = 24;
const GROUP_HEIGHT = 30;
const HEAD_HEIGHT = 62;
const LEGEND_HEIGHT = 24;
const MARK_HEIGHT = 20;
const LONGEST_LABEL = 50;

const STYLE = `
  .back { fill: #ffffff; stroke: #d0d7de }
  text { fill: #1f2328; font: ${String(FONT)}px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif }
  .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #59636e }
  .group { font-weight: 600 }
  .s0 { fill: #0969da } .s1 { fill: #bc4c00 } .s2 { fill: #1a7f37 } .s3 { fill: #8250df }
  .mark { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .marked { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .s0 { fill: #4493f8 } .s1 { fill: #f0883e } .s2 { fill: #3fb950 } .s3 { fill: #ab7df8 }
    .mark { stroke: #ff7b72 }
    .marked { fill: #ff7b72 }
  }`;

export function escapeXml(text: string): string {
  // Control characters have no place in XML, not even escaped.
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function textWidth(text: string): number {
  return text.length * LETTER;
}

function shortened(text: string): string {
  return text.length <= LONGEST_LABEL ? text : `${text.slice(0, LONGEST_LABEL - 1)}…`;
}

/** From 0 to 1 of the room for bars. Bars of a logarithmic scale begin a decade below the smallest. */
export function lengthsOf(values: readonly number[], scale: Chart['scale']): readonly number[] {
  const most = Math.max(...values, Number.MIN_VALUE);
  if (scale === 'linear') return values.map((value) => Math.max(0, value) / most);
  const positive = values.filter((value) => value > 0);
  const from = Math.log10(Math.min(...positive, most)) - 1;
  const span = Math.log10(most) - from;
  return values.map((value) => (value <= 0 ? 0 : Math.max(0, Math.log10(value) - from) / span));
}

export function svgOf({ title, subtitle, series, groups, scale, mark }: Chart): string {
  const bars = groups.flatMap((group) => group.bars);
  const left = PADDING + Math.max(...bars.map(({ label }) => textWidth(shortened(label)))) + 10;
  const right = PADDING + Math.max(...bars.map(({ text }) => textWidth(text))) + 8;
  const room = WIDTH - left - right;
  const lengths = lengthsOf(
    [...bars.map(({ value }) => value), ...(mark === null ? [] : [mark.at])],
    scale,
  );
  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  if (series.length > 1) {
    parts.push(legend(series, y));
    y += LEGEND_HEIGHT;
  }
  if (mark !== null) y += MARK_HEIGHT;
  const top = y;
  let index = 0;
  for (const group of groups) {
    if (group.title !== '') {
      parts.push(
        `<text class="group" x="${String(PADDING)}" y="${String(y + 19)}">${escapeXml(group.title)}</text>`,
      );
      y += GROUP_HEIGHT;
    }
    for (const bar of group.bars) {
      parts.push(
        barOf(bar, {
          left,
          y,
          atEdge: mark !== null,
          width: Math.max(1, (lengths[index] ?? 0) * room),
        }),
      );
      index += 1;
      y += ROW_HEIGHT;
    }
  }
  if (mark !== null) parts.push(markOf(mark.text, left + (lengths[index] ?? 0) * room, top, y));
  const height = y + PADDING - 4;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}" role="img" aria-label="${escapeXml(title)}">
<style>${STYLE}
</style>
<rect class="back" x="0.5" y="0.5" width="${String(WIDTH - 1)}" height="${String(height - 1)}" rx="6"/>
<text class="title" x="${String(PADDING)}" y="30">${escapeXml(title)}</text>
<text class="faint" x="${String(PADDING)}" y="50">${escapeXml(subtitle)}</text>
${parts.join('\n')}
</svg>
`;
}

function legend(series: readonly string[], y: number): string {
  let x = PADDING;
  return series
    .map((name, index) => {
      const entry = `<rect class="s${String(index)}" x="${String(x)}" y="${String(y)}" width="12" height="12" rx="2"/><text x="${String(x + 18)}" y="${String(y + 11)}">${escapeXml(name)}</text>`;
      x += 18 + textWidth(name) + 16;
      return entry;
    })
    .join('\n');
}

interface BarPlace {
  readonly left: number;
  readonly y: number;
  readonly width: number;
  readonly atEdge: boolean;
}

function barOf({ label, text, series }: Bar, { left, y, width, atEdge }: BarPlace): string {
  const base = String(y + 13);
  return [
    `<text x="${(left - 10).toFixed(1)}" y="${base}" text-anchor="end">${escapeXml(shortened(label))}</text>`,
    `<rect class="s${String(series)}" x="${left.toFixed(1)}" y="${String(y)}" width="${width.toFixed(1)}" height="${String(BAR_HEIGHT)}" rx="2"/>`,
    atEdge
      ? `<text class="faint" x="${String(WIDTH - PADDING)}" y="${base}" text-anchor="end">${escapeXml(text)}</text>`
      : `<text class="faint" x="${(left + width + 6).toFixed(1)}" y="${base}">${escapeXml(text)}</text>`,
  ].join('\n');
}

function markOf(text: string, x: number, top: number, bottom: number): string {
  const anchor = x + textWidth(text) > WIDTH - PADDING ? 'end' : 'start';
  return `<line class="mark" x1="${x.toFixed(1)}" y1="${String(top - 4)}" x2="${x.toFixed(1)}" y2="${String(bottom)}"/>
<text class="marked" x="${x.toFixed(1)}" y="${String(top - 8)}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}
