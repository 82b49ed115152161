import { expect } from 'vitest';
import type * as z from 'zod';
import type { RunResult } from '../../support/binary.ts';
import { errorDocument, transactionDocument } from '../verdicts/documents.ts';

export type TransactionDocument = z.infer<typeof transactionDocument>;

/** What a script gets of a refusal with --json: the error on standard error, and the transaction where there is one. */
export interface Refusal {
  readonly exitCode: number | undefined;
  readonly code: string;
  readonly message: string;
  readonly fields: readonly string[];
  /** Of a refusal: what it speaks of, as far as that is the caller's business. */
  readonly transaction: Readonly<Record<string, unknown>> | null;
}

/** Fails unless both streams hold what the contract says, and nothing besides. */
export function refusalOf(run: RunResult): Refusal {
  const { error } = errorDocument.parse(onlyDocument(run.stderr));
  const { transaction: spokenOf, ...said } = error;
  if (run.exitCode === 4) {
    expect(run.stdout).toBe('');
    return { exitCode: 4, ...said, transaction: spokenOf ?? null };
  }
  expect(spokenOf).toBeUndefined();
  return {
    exitCode: run.exitCode,
    ...said,
    transaction: run.stdout === '' ? null : transactionDocument.parse(onlyDocument(run.stdout)),
  };
}

/** What a script gets of an outcome, good or bad: the transaction, and silence besides. */
export function outcomeOf(run: RunResult): {
  readonly exitCode: number | undefined;
  readonly transaction: TransactionDocument;
} {
  expect(run.stderr).toBe('');
  return {
    exitCode: run.exitCode,
    transaction: transactionDocument.parse(onlyDocument(run.stdout)),
  };
}

/** One JSON document on one line, as a program that reads by the line wants it. */
export function onlyDocument(text: string): unknown {
  expect(text).toMatch(/^\{.*\}\n$/);
  return JSON.parse(text);
}
