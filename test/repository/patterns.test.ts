import { analyse } from 'scslre';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { repositoryFiles, textOf } from './tree.ts';

interface Pattern {
  readonly where: string;
  readonly source: string;
  readonly flags: string;
}

/** Every regular expression that is written down in a file. */
function patternsIn(name: string, text: string): readonly Pattern[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: Pattern[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      found.push({
        where: `${name}:${String(line)}`,
        source: node.text.slice(1, end),
        flags: node.text.slice(end + 1),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/**
 * A pattern that takes the square of a text's length, or worse: a megabyte from outside would stop the
 * process for half an hour, and no signal or time limit reaches it there.
 */
function slow({ where, source, flags }: Pattern): readonly string[] {
  return analyse({ source, flags }).reports.map(
    ({ type }) => `${where}: /${source}/${flags} (${type})`,
  );
}

const sources = repositoryFiles().filter((file) => /^(src|migrations|bin)\/.*\.[jt]s$/.test(file));

describe('the patterns in src', () => {
  it('read a text in time that grows with its length alone', () => {
    const patterns = sources.flatMap((file) => patternsIn(file, textOf(file)));
    expect(patterns.length).toBeGreaterThan(100);
    expect(patterns.flatMap(slow)).toEqual([]);
  });

  it('are all written down, so that they can be looked at', () => {
    const made = sources.filter((file) => /\bRegExp\(/.test(textOf(file)));
    expect(made).toEqual([]);
  });

  it.each([
    String.raw`/([^\s@]{1,2})[^\s@]*@([^\s@]+)/g`,
    String.raw`/\s*\n\s*/g`,
    String.raw`/\s+$/`,
    String.raw`/^(a+)+$/`,
    String.raw`/^[\w-]+\.?[\w-]*$/`,
  ])('would be seen otherwise: %s', (pattern) => {
    expect(patternsIn('x.ts', `export const x = ${pattern};`).flatMap(slow)).not.toEqual([]);
  });
});
