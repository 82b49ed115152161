import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  entryHash,
  textAroundInstant,
  type UnsealedEntry,
} from '../../../src/storage/ledger/audit-chain.ts';

const entry: UnsealedEntry = {
  transactionId: 'txn_01KF0000000000000000000000',
  seq: 2,
  at: 1_768_478_400_123,
  actor: { role: 'charge', pid: 7, host: 'h' },
  action: 'created',
  from: { status: 'pending', step: 'create_sent' },
  to: { status: 'pending', step: 'created' },
  detail: { b: [1, 0.5, null], a: 'ä"\u0000' },
  requestId: 'req_1',
  changes: null,
};

const text =
  '{"action":"created","actor":{"host":"h","pid":7,"role":"charge"},"at":1768478400123,"detail":{"a":"ä\\"\\u0000","b":[1,0.5,null]},' +
  '"from":{"status":"pending","step":"create_sent"},"request_id":"req_1","seq":2,"to":{"status":"pending","step":"created"},' +
  '"transaction_id":"txn_01KF0000000000000000000000"}';

describe('the audit chain', () => {
  it('hashes the previous hash and the canonical text, as it is documented', () => {
    const { before, after } = textAroundInstant(entry);
    expect(`${before}${String(entry.at)}${after}`).toBe(text);
    const previous = 'a'.repeat(64);
    expect(entryHash(previous, entry)).toBe(
      createHash('sha256')
        .update(previous + text, 'utf8')
        .digest('hex'),
    );
    expect(entryHash('', entry)).toBe(
      'd18f8840f8f100d8f4b1299392a2714af1eb46c6db5921a4c722ab6e4e945716',
    );
  });

  it('seals what an entry wrote, where it says so', () => {
    const written = { ...entry, changes: '{"at":{"updated_at":0},"set":{"step":"created"}}' };
    const { before, after } = textAroundInstant(written);
    expect(`${before}${String(entry.at)}${after}`).toBe(
      text.replace(',"detail"', `,"changes":${written.changes},"detail"`),
    );
    expect(entryHash('', written)).not.toBe(entryHash('', entry));
  });

  it('writes an opening entry with nulls', () => {
    expect(
      textAroundInstant({ ...entry, from: null, requestId: null, detail: {} }).after,
    ).toContain(',"detail":{},"from":null,"request_id":null,"seq":2,');
  });

  it('writes the same text whatever the order of the names, and nothing else than JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const written = canonicalJson(value as never);
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(JSON.parse(written)) as never)).toBe(written);
      }),
    );
  });
});

/** The same value with the names of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}
