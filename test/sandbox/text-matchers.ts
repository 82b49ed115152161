import { expect } from 'vitest';

// The matchers of vitest are of no type; these say what they stand for.

export function containing(part: string): string {
  return expect.stringContaining(part) as string;
}

export function matching(pattern: RegExp): string {
  return expect.stringMatching(pattern) as string;
}
