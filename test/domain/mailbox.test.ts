import { describe, expect, it } from 'vitest';
import { readMailbox } from '../../src/domain/mailbox.ts';

describe('a sender', () => {
  it.each<[string, string | null, string]>([
    ['shop@example.com', null, 'shop@example.com'],
    ["Ada's Shop <pay@example.com>", "Ada's Shop", 'pay@example.com'],
    ['"Shoes, Inc." <pay@example.com>', 'Shoes, Inc.', 'pay@example.com'],
    ['Café 東京 <pay@example.com>', 'Café 東京', 'pay@example.com'],
    ['<pay@example.com>', null, 'pay@example.com'],
    ['Shop<pay@example.com>', 'Shop', 'pay@example.com'],
  ])('%s has the name %j and the address %s', (text, name, address) => {
    expect(readMailbox(text)).toEqual({ ok: true, mailbox: { name, address } });
  });

  it.each([
    ['', 'empty'],
    ['Shop', 'not an e-mail address'],
    ['Shop <pay>', 'not an e-mail address'],
    ['Shop <pay@example.com', 'Name <address>'],
    ['a@example.com, Shop <b@example.com>', 'one address'],
    ['Shop <a@example.com> <b@example.com>', 'Name <address>'],
    ['Shop\r\nBcc: all@example.com <pay@example.com>', 'control character'],
    ['Sh\u202eop <pay@example.com>', 'control character'],
    [`${'x'.repeat(71)} <pay@example.com>`, 'at most 70'],
  ])('is refused as %j', (text, why) => {
    expect(readMailbox(text)).toEqual({
      ok: false,
      message: expect.stringContaining(why) as string,
    });
  });
});
