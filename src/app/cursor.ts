import { PayreconError } from '../domain/errors.ts';
import type { PagePosition } from './ports.ts';

/** Opaque to callers; names the last row they saw, so it stays right while new rows arrive. */
export function cursorAfter(row: PagePosition): string {
  return Buffer.from(`${String(row.createdAt)}:${row.id}`).toString('base64url');
}

/** @throws PayreconError `usage` for anything that cursorAfter did not make. */
export function positionOf(cursor: string): PagePosition {
  const match = /^(\d{1,15}):(txn_[0-9A-Z]{26})$/.exec(
    Buffer.from(cursor, 'base64url').toString('utf8'),
  );
  const [, createdAt, id] = match ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new PayreconError(
      'bad_cursor',
      'That cursor was not made by payrecon. Use the next_cursor of the page before, or leave --cursor out for the first page.',
      {
        problems: [{ field: '--cursor', message: 'not a cursor of payrecon' }],
      },
    );
  }
  return { createdAt: Number(createdAt), id };
}
