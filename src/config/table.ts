import { DATABASE_DECLARATION, DECLARATIONS, type Declaration } from './declarations.ts';

/** Every setting as a Markdown table, for the README. */
export function settingsTable(): string {
  const declared: readonly Declaration<unknown>[] = Object.values(DECLARATIONS);
  const rows = [
    [
      `\`${DATABASE_DECLARATION.name}\``,
      DATABASE_DECLARATION.meaning,
      DATABASE_DECLARATION.fallbackShown,
    ],
    ...declared.map((each) => [
      nameCell(each),
      each.meaning,
      each.fallbackShown ?? (each.fallback === null ? 'none' : `\`${each.fallback}\``),
    ]),
  ];
  const lines = [['name', 'meaning', 'default'], ['---', '---', '---'], ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function nameCell({ name, flag }: Declaration<unknown>): string {
  return flag === null ? `\`${name}\`` : `\`${name}\`, \`--${flag}\``;
}
