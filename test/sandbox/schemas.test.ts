import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateSchemas, SCHEMA_FILE } from '../../bench/generate-schemas.ts';

test(
  'the committed request schemas are what the script makes of the installed stripe package',
  { timeout: 60_000 },
  () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(generateSchemas());
  },
);
