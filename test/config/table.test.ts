import { describe, expect, it } from 'vitest';
import { DECLARATIONS, KNOWN_NAMES, SECRET_NAMES } from '../../src/config/declarations.ts';
import { settingsTable } from '../../src/config/table.ts';

describe('settingsTable', () => {
  const lines = settingsTable().split('\n');

  it('has a row of three cells for every setting', () => {
    expect(lines).toHaveLength(2 + 1 + Object.keys(DECLARATIONS).length);
    for (const line of lines) expect(line.split(' | ')).toHaveLength(3);
    for (const { name } of Object.values(DECLARATIONS))
      expect(lines.filter((line) => line.startsWith(`| \`${name}\``))).toHaveLength(1);
  });

  it('says the defaults as one would write them', () => {
    expect(lines).toContain(
      '| `PAYRECON_PENDING_AFTER`, `--pending-after` | Age at which a pending transaction is reconciled | `5m` |',
    );
    expect(lines).toContain(
      '| `PAYRECON_STRIPE_RPS`, `--stripe-rps` | Calls to Stripe a second, in all | `100` (`25` for a test key) |',
    );
    expect(lines).toContain(
      "| `STRIPE_SECRET_KEY` | Stripe's secret key, or a restricted one | none |",
    );
  });
});

describe('the declarations', () => {
  it('give every default in a form that they themselves read', () => {
    for (const { name, fallback, parse } of Object.values(DECLARATIONS)) {
      if (fallback !== null) expect([name, parse(fallback).ok]).toEqual([name, true]);
    }
  });

  it('give no secret a flag, and no two settings one name', () => {
    expect(SECRET_NAMES).toEqual(['DATABASE_URL', 'STRIPE_SECRET_KEY', 'SENDGRID_API_KEY']);
    expect(
      Object.values(DECLARATIONS).filter(({ secret, flag }) => secret && flag !== null),
    ).toEqual([]);
    expect(new Set(KNOWN_NAMES).size).toBe(KNOWN_NAMES.length);
    const flags = Object.values(DECLARATIONS).flatMap(({ flag }) => (flag === null ? [] : [flag]));
    expect(new Set(flags).size).toBe(flags.length);
  });
});
