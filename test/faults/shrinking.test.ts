import { expect, test } from 'vitest';
import type { Mailer } from '../../src/app/ports.ts';
import { sqlite } from '../storage/targets.ts';
import { runSequences } from './sequence-lane.ts';
import { parseSequence, replayOf, textOf } from './sequence.ts';

/*
 * A bug put in on purpose, to see that the sequences find it, and that what is printed is the shortest script that
 * shows it.
 */

const MANY = 60;

/** An e-mail whose sending failed counts as sent. */
function forgetful(mailer: Mailer): Mailer {
  return {
    configured: mailer.configured,
    async send(notification) {
      const outcome = await mailer.send(notification);
      return outcome.kind === 'retry' || outcome.kind === 'unknown'
        ? { kind: 'sent', messageId: null }
        : outcome;
    },
  };
}

test(
  'a bug that a lost e-mail shows is shrunk to a payment and one fault',
  { timeout: 120_000 },
  async () => {
    const { failures, shortest } = await runSequences(sqlite, MANY, { wrapMailer: forgetful });
    expect(failures.length).toBeGreaterThan(0);
    for (const sequence of shortest) {
      process.stdout.write(`shrunk to: ${textOf(sequence)}\n`);
      // The payment, and the run that sends its e-mail under one fault. Where the fault strikes the Nth request of any kind,
      // another payment may have to be there for it to come to the e-mail.
      expect(sequence.length).toBeLessThanOrEqual(3);
      expect(sequence.flatMap((step) => ('faults' in step ? step.faults : []))).toEqual([
        expect.stringMatching(/^(mail\.send|\*)#/),
      ]);
      expect(sequence.filter((step) => 'stopAt' in step && step.stopAt !== null)).toEqual([]);
    }
    expect(Math.min(...shortest.map(({ length }) => length))).toBe(2);
    const [first] = shortest;
    if (first === undefined) throw new Error('nothing was shrunk');
    expect(failures[0]).toContain(`PROVE_CASE='${textOf(first)}'`);
    expect(failures[0]).toContain('was not');
    expect(parseSequence(textOf(first))).toEqual(first);
    expect(replayOf(first).filter((line) => line.startsWith('payrecon '))).toHaveLength(
      first.length + 1,
    );
  },
);
