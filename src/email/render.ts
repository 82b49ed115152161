import { escapeHtml, oneLine } from './sanitize.ts';

/** What an e-mail says, before it has a form. All strings are plain text; `render` cleans and escapes every one of them. */
export interface Letter {
  readonly subject: string;
  /** The news in one sentence. */
  readonly headline: string;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly kind: 'paragraph'; readonly text: string }
  /** Names and values; a row whose value is null is left out. */
  | {
      readonly kind: 'facts';
      readonly rows: readonly (readonly [name: string, value: string | null])[];
    }
  /** What to type, one command a line. */
  | { readonly kind: 'commands'; readonly lines: readonly string[] };

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Mail programs show about this much of a subject; some break longer ones. */
const MAX_SUBJECT_CHARS = 150;
const MAX_PARAGRAPH_CHARS = 1_000;
const MAX_VALUE_CHARS = 600;

export function render(letter: Letter): RenderedMail {
  const subject = oneLine(letter.subject, MAX_SUBJECT_CHARS);
  const headline = oneLine(letter.headline, MAX_PARAGRAPH_CHARS);
  const text = [headline, ...letter.blocks.map(textBlock)].join('\n\n');
  return {
    subject,
    text: `${text}\n`,
    html: page(subject, [element('h1', headline), ...letter.blocks.map(htmlBlock)]),
  };
}

function textBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return oneLine(block.text, MAX_PARAGRAPH_CHARS);
    case 'facts':
      return factRows(block)
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n');
    case 'commands':
      return block.lines.map((line) => `    ${oneLine(line, MAX_VALUE_CHARS)}`).join('\n');
  }
}

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return element('p', oneLine(block.text, MAX_PARAGRAPH_CHARS));
    case 'facts':
      return `<dl>${factRows(block)
        .map(([name, value]) => element('dt', name) + element('dd', value))
        .join('')}</dl>`;
    case 'commands': {
      const lines = block.lines.map((line) => oneLine(line, MAX_VALUE_CHARS)).join('\n');
      return `<pre>${element('code', lines)}</pre>`;
    }
  }
}

function factRows(
  block: Extract<Block, { kind: 'facts' }>,
): readonly (readonly [string, string])[] {
  return block.rows.flatMap(([name, value]) => {
    const shown = value === null ? '' : oneLine(value, MAX_VALUE_CHARS);
    return shown === '' ? [] : [[oneLine(name), shown] as const];
  });
}

function element(tag: 'h1' | 'p' | 'dt' | 'dd' | 'code', text: string): string {
  return `<${tag}>${escapeHtml(text)}</${tag}>`;
}

/**
 * No colours of its own, so that it is readable in the mail program's light and dark mode alike; no
 * images, no links, nothing that is loaded. Sizes in `rem`, so that it follows the reader's own text size.
 */
const STYLE = [
  ':root{color-scheme:light dark}',
  'body{margin:0;padding:1.5rem 1rem;font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}',
  'main{max-width:36rem;margin:0 auto}',
  'h1{font-size:1.375rem;line-height:1.3;margin:0 0 1rem}',
  'p,dl,pre{margin:0 0 1rem}',
  'dt{font-weight:600}',
  'dd{margin:0 0 .5rem;overflow-wrap:anywhere}',
  'pre{padding:.75rem;border:1px solid;border-radius:.375rem;white-space:pre-wrap;overflow-wrap:anywhere}',
  'code{font:.9375rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}',
].join('');

function page(title: string, body: readonly string[]): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    ...body,
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
