import ts from 'typescript';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  canComeLate,
  type CodeAndKind,
  ERROR_CODES,
  type PlainCode,
} from '../../src/domain/error-codes.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import { repositoryFiles, textOf } from './tree.ts';

const codes: readonly string[] = Object.keys(ERROR_CODES);
const catalogue = 'src/domain/error-codes.ts';
const sources = repositoryFiles().filter(
  (file) => file.startsWith('src/') && file.endsWith('.ts') && file !== catalogue,
);

/** The texts that are handed to a PayreconError, or stand as the value of a property: from where errors are made. */
function codesGivenIn(file: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const given = ts.isNewExpression(node)
      ? node.expression.getText() === 'PayreconError' && node.arguments?.[0]
      : ts.isPropertyAssignment(node) && node.initializer;
    if (given && ts.isStringLiteral(given)) found.push(given.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest, true));
  return found;
}

describe('the error codes', () => {
  it('are each in use', () => {
    const given = new Set(sources.flatMap(codesGivenIn));
    expect(codes.filter((code) => !given.has(code))).toEqual([]);
  });

  it('are all in the catalogue, each with its kind: the compiler refuses another', () => {
    expectTypeOf<'some_code'>().not.toExtend<PlainCode>();
    expectTypeOf<'cancel_needed'>().not.toExtend<PlainCode>();
    expectTypeOf<{ code: 'key_reused'; kind: 'usage' }>().not.toExtend<CodeAndKind>();
    expectTypeOf<{ code: 'key_reused'; kind: 'unknown_outcome' }>().not.toExtend<CodeAndKind>();
    expectTypeOf<{ code: 'key_reused'; kind: 'refused' }>().toExtend<CodeAndKind>();
    expectTypeOf<{ code: 'database_io'; kind: 'unknown_outcome' }>().toExtend<CodeAndKind>();
    expectTypeOf(new PayreconError('key_reused', '').code).toEqualTypeOf<
      keyof typeof ERROR_CODES
    >();
  });

  it('of settings, databases and Stripe alone can come after something was sent', () => {
    expect(canComeLate('stripe_unauthorized')).toBe(true);
    expect(canComeLate('database_io')).toBe(true);
    expect(canComeLate('key_reused')).toBe(false);
    expect(canComeLate('cancel_failed')).toBe(false);
  });

  it('say what was found and what is safe now, each in one line of a table', () => {
    for (const [code, { meaning, safe }] of Object.entries(ERROR_CODES)) {
      for (const text of [meaning, safe]) expect(text, code).toMatch(/^[A-Z`][^|\n]{8,90}\.$/);
    }
  });

  it('are kept where an error is told in other words', () => {
    const failed = new PayreconError({ code: 'cancel_failed', kind: 'unknown_outcome' }, 'No.');
    expect(failed.retold('Not at all.')).toMatchObject({
      code: 'cancel_failed',
      kind: 'unknown_outcome',
      message: 'Not at all.',
      problems: [],
      transaction: null,
    });
  });
});
