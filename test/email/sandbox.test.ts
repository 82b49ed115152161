import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMailer } from '../../src/email/mailer.ts';
import { FAULT_KINDS, startSandbox, type Sandbox } from '../../src/sandbox/server.ts';
import { KINDS, MAIL_KEY, notification } from './samples.ts';

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 7 });
});

afterAll(async () => {
  await sandbox.close();
});

function mailer(): ReturnType<typeof openMailer> {
  return openMailer({
    apiKey: MAIL_KEY,
    apiBase: sandbox.url,
    from: 'The Shop <pay@example.com>',
    replyTo: 'Help <help@example.com>',
    operatorEmail: 'ops@example.com',
    deadlineMs: 500,
  });
}

describe('SendGrid', () => {
  it.each(KINDS)('accepts %s as it is made', async (kind) => {
    const before = sandbox.books.mails.length;
    const outcome = await mailer().send(notification(kind));
    expect(outcome).toEqual({ kind: 'sent', messageId: expect.any(String) as string });
    const [mail] = sandbox.books.mails.slice(before);
    expect(mail).toMatchObject({
      to: [kind.startsWith('customer') ? 'ann@example.com' : 'ops@example.com'],
      from: 'pay@example.com',
    });
  });

  it('refuses an address that is none', async () => {
    expect(await mailer().send(notification('customer_failed', { to: 'nobody' }))).toMatchObject({
      kind: 'rejected',
    });
  });

  it.each(FAULT_KINDS.map(({ kind, executes }) => [kind, executes] as const))(
    '%s: nothing is called sent that is not, and nothing given up',
    async (kind, executes) => {
      const before = sandbox.books.mails.length;
      sandbox.setFaults(
        `mail.send=${kind}${kind === 'slow' || kind === 'out_of_order' ? ':50' : ''}`,
      );
      const outcome = await mailer().send(notification('customer_succeeded'));
      sandbox.setFaults('');
      const taken = sandbox.books.mails.length - before;
      if (outcome.kind === 'sent') expect(taken).toBe(1);
      expect(outcome.kind).not.toBe('rejected');
      if (executes === 'no') expect(taken).toBe(0);
      expect(JSON.stringify(outcome)).not.toContain(MAIL_KEY);
    },
  );
});
