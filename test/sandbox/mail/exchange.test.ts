import client from '@sendgrid/client';
import mail from '@sendgrid/mail';
import { describe, expect, test } from 'vitest';
import { type Local, startLocal } from '../clients.ts';
import { containing, matching } from '../text-matchers.ts';

const KEY = 'SG.abcdefghijklmnop.qrstuvwxyz';
const MESSAGE = {
  to: 'ada@example.com',
  from: 'shop@example.com',
  subject: 'Paid',
  text: 'Thank you',
  html: '<p>Thank you</p>',
};

/** The real client; it keeps its address in the process, so each test sets it anew. */
function mailAt(local: Local) {
  mail.setClient(client);
  mail.setApiKey(KEY);
  const limits: object = { timeout: 400 };
  client.setDefaultRequest({ url: '/v3/mail/send', baseUrl: `${local.sandbox.url}/`, ...limits });
  return mail;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => Promise.reject(new Error('the call should have failed')),
    (error: unknown) => error,
  );
}

describe('the local SendGrid', () => {
  test('accepts an e-mail', async () => {
    await using local = await startLocal();
    const [response] = await mailAt(local).send({ ...MESSAGE, customArgs: { ref: 'x' } });
    expect(response.statusCode).toBe(202);
    expect(response.headers).toMatchObject({ 'x-message-id': matching(/^\w+$/) });
    expect(local.sandbox.books.mails).toEqual([
      expect.objectContaining({
        to: ['ada@example.com'],
        from: 'shop@example.com',
        subject: 'Paid',
        text: 'Thank you',
        html: '<p>Thank you</p>',
        sandbox_mode: false,
      }),
    ]);
    expect(local.sandbox.books.mails[0]?.body).toMatchObject({ custom_args: { ref: 'x' } });
    expect(local.sandbox.books.count('mail.send')).toBe(1);
  });

  test('answers 200 in its sandbox mode', async () => {
    await using local = await startLocal();
    const [response] = await mailAt(local).send({
      ...MESSAGE,
      mailSettings: { sandboxMode: { enable: true } },
    });
    expect(response.statusCode).toBe(200);
    expect(local.sandbox.books.mails[0]?.sandbox_mode).toBe(true);
  });

  test('knows no idempotency: what is sent twice is accepted twice', async () => {
    await using local = await startLocal();
    await mailAt(local).send(MESSAGE);
    await mailAt(local).send(MESSAGE);
    expect(local.sandbox.books.mails).toHaveLength(2);
    expect(new Set(local.sandbox.books.mails.map(({ id }) => id)).size).toBe(2);
  });

  test.each([
    [null, 401],
    ['Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc', 401],
    ['Bearer SG.', 401],
    [`Bearer ${KEY}`, 202],
  ])('with the authorization %s it answers %i', async (authorization, status) => {
    await using local = await startLocal();
    const answer = await post(local, valid(), authorization);
    expect(answer.status).toBe(status);
    if (status === 401)
      expect(answer.json['errors']).toEqual([
        { message: containing('authorization grant is invalid'), field: null, help: null },
      ]);
  });

  test.each([
    ['personalizations', { personalizations: undefined }],
    ['personalizations', { personalizations: [] }],
    [
      'personalizations',
      {
        personalizations: Array.from({ length: 1001 }, () => ({
          to: [{ email: 'a@example.com' }],
        })),
      },
    ],
    [
      'personalizations',
      {
        personalizations: [
          { to: Array.from({ length: 1001 }, () => ({ email: 'a@example.com' })) },
        ],
      },
    ],
    ['personalizations.0.to', { personalizations: [{}] }],
    [
      'personalizations.0.to.1.email',
      { personalizations: [{ to: [{ email: 'a@example.com' }, { email: 'not an address' }] }] },
    ],
    ['from.email', { from: undefined }],
    ['from.email', { from: { email: 'shop' } }],
    ['from.name', { from: { email: 'shop@example.com', name: 5 } }],
    ['from.name', { from: { email: 'shop@example.com', name: 'Shop\r\nBcc: a@example.com' } }],
    ['reply_to.email', { reply_to: {} }],
    ['reply_to.email', { reply_to: { email: 'Help <help@example.com>' } }],
    ['reply_to.name', { reply_to: { email: 'help@example.com', name: ['Help'] } }],
    ['subject', { subject: '' }],
    ['subject', { subject: 'Paid\nBcc: a@example.com' }],
    ['headers', { headers: { 'Reply-To': 'help@example.com' } }],
    ['headers', { headers: { 'X-Shop': 5 } }],
    ['custom_args', { custom_args: { ref: 5 } }],
    ['custom_args', { custom_args: { ref: 'x'.repeat(10_000) } }],
    ['content', { content: undefined }],
    [
      'content',
      {
        content: [
          { type: 'text/html', value: '<p>x</p>' },
          { type: 'text/plain', value: 'x' },
        ],
      },
    ],
    ['content.0.value', { content: [{ type: 'text/plain', value: '' }] }],
    ['content.0.type', { content: [{ value: 'x' }] }],
  ])('refuses a wrong %s', async (field, change) => {
    await using local = await startLocal();
    const answer = await post(local, { ...valid(), ...change });
    expect(answer.status).toBe(400);
    expect(answer.json['errors']).toContainEqual({
      message: matching(/\w/),
      field,
      help: containing('sendgrid.com'),
    });
    expect(local.sandbox.books.mails).toHaveLength(0);
  });

  test('refuses what is no JSON', async () => {
    await using local = await startLocal();
    const answer = await local.send('POST', '/v3/mail/send', {
      form: 'nonsense',
      key: null,
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ message: 'Bad Request' }] } });
  });

  test.each([
    ['401', 0, { code: 401 }],
    ['403', 0, { code: 403 }],
    [
      '429',
      0,
      {
        code: 429,
        response: { body: { errors: [{ message: 'too many requests', field: null, help: null }] } },
      },
    ],
    ['500_before', 0, { code: 500 }],
    ['500_after', 1, { code: 500 }],
    ['html_502', 0, { code: 502 }],
    ['reset_before', 0, { code: 'ECONNRESET' }],
    ['drop_after', 1, { code: 'ECONNRESET' }],
    ['hang', 1, { code: 'ECONNABORTED' }],
    ['hang_before', 0, { code: 'ECONNABORTED' }],
    ['cut_body', 1, { code: matching(/ECONNRESET|ERR_BAD_RESPONSE|ECONNABORTED/) }],
  ])('%s: %i accepted', async (kind, accepted, seen) => {
    await using local = await startLocal({ faults: `mail.send=${kind}` });
    expect(await failureOf(mailAt(local).send(MESSAGE))).toMatchObject(seen);
    expect(local.sandbox.books.mails).toHaveLength(accepted);
    await mailAt(local).send(MESSAGE);
    expect(local.sandbox.books.mails).toHaveLength(accepted + 1);
  });
});

function valid(): object {
  return {
    personalizations: [{ to: [{ email: 'ada@example.com' }] }],
    from: { email: 'shop@example.com', name: 'Shop' },
    subject: 'Paid',
    content: [{ type: 'text/plain', value: 'Thank you' }],
  };
}

function post(local: Local, body: object, authorization: string | null = `Bearer ${KEY}`) {
  const headers = {
    'content-type': 'application/json',
    ...(authorization === null ? {} : { authorization }),
  };
  return local.send('POST', '/v3/mail/send', { form: JSON.stringify(body), key: null, headers });
}
