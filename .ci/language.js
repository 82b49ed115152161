// `npm run report:language`: where comments, documents and commit subjects use words that need a second reading. A report for
// whoever edits a file anyway, and no gate: a word can be right.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const shown = 3;

/** @type {readonly { name: string, pattern: RegExp }[]} */
const patterns = [
  {
    name: 'private metaphor',
    pattern:
      /\b(crew|wave|sight|courier|letters?|seams?|zombie|honesty|stretch(es)?|turns|chaos)\b/i,
  },
  {
    name: '"so many", "so few"',
    pattern: /\bso (many|few|far)\b.*\b(at least|at most|counts? as)\b/i,
  },
  {
    name: '"nobody", "whoever", "who" as a subject',
    pattern: /\b(nobody|whoever)\b|(^|[.:] )Who\b/,
  },
  { name: '"told", "tells of"', pattern: /\b(told|tells) (of|to|about)\b/i },
  { name: '"at once" for simultaneously', pattern: /\bat once\b/i },
  { name: '", for" as because', pattern: /, for (it|they|there|the|a|what|nobody|both)\b/ },
  { name: 'no verb after "Of", "By which", "Where"', pattern: /^(Of|By which|Where) [^.]*\.$/ },
];

/** @param {string} file @returns {{ line: number, text: string }[]} */
function prose(file) {
  const lines = readFileSync(`${root}${file}`, 'utf8').split('\n');
  const inDocument = file.endsWith('.md');
  return lines.flatMap((line, index) => {
    const comment = /^\s*(?:\/\/|\/\*\*?|\*)\s?(.*?)(?:\*\/)?$/.exec(line)?.[1];
    const text = inDocument ? line : comment;
    return text === undefined || text.trim() === '' ? [] : [{ line: index + 1, text: text.trim() }];
  });
}

const files = execFileSync('git', ['ls-files', '*.ts', '*.js', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.includes('.generated.'));
const lines = files.flatMap((file) => prose(file).map((each) => ({ file, ...each })));
for (const { name, pattern } of patterns) {
  const found = lines.filter(({ text }) => pattern.test(text));
  console.log(`${found.length} ${name}`);
  for (const { file, line, text } of found.slice(0, shown))
    console.log(`   ${file}:${line} ${text}`);
}
