import { describe, expect, test } from 'vitest';
import { refuseFromPages } from '../../src/sandbox/control-guard.ts';
import { type Local, startLocal } from './clients.ts';
import { containing } from './text-matchers.ts';

const JSON_BODY = { 'content-type': 'application/json' };

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly form?: string;
}

async function statusOf(
  local: Local,
  headers: Readonly<Record<string, string>>,
  sent: Sent = {},
): Promise<number> {
  const { method = 'POST', path = 'reset', form = '{}' } = sent;
  const body = method === 'GET' ? {} : { form };
  const answer = await local.send(method, `/_sandbox/${path}`, { ...body, key: null, headers });
  return answer.status;
}

describe('the control paths are out of the reach of web pages', () => {
  test.each([
    '127.0.0.1',
    '127.1.2.3:80',
    'localhost',
    'LocalHost:12111',
    'sandbox.localhost:1',
    '[::1]',
    '[::1]:12111',
  ])('%s is this machine', async (host) => {
    await using local = await startLocal();
    expect(await statusOf(local, { ...JSON_BODY, host })).toBe(200);
  });

  test.each([
    'evil.example',
    'evil.example:12111',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example#localhost',
    'localhost@evil.example',
    'localhost:12111:1',
    '10.0.0.1',
    '[::2]',
    '0.0.0.0',
  ])('a name that leads here from elsewhere is refused: %s', async (host) => {
    await using local = await startLocal();
    for (const sent of [
      {},
      { method: 'GET', path: 'books' },
      { method: 'GET', path: 'health' },
      { method: 'DELETE', path: 'faults' },
    ]) {
      expect(await statusOf(local, { ...JSON_BODY, host }, sent), JSON.stringify(sent)).toBe(403);
    }
    // What plays Stripe is asked under whatever name a client has for it.
    expect(
      (await local.send('GET', '/v1/account', { headers: { host: 'stripe.example' } })).status,
    ).toBe(200);
  });

  test.each([
    'https://evil.example',
    'http://localhost:1',
    'null',
    'http://127.0.0.1',
    'https://127.0.0.1:$PORT',
    'http://127.0.0.1:$PORT.evil.example',
  ])('a page of %s is refused, whatever it sends', async (pattern) => {
    await using local = await startLocal({ faults: 'account#*=403' });
    const origin = pattern.replace('$PORT', String(local.sandbox.port));
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
      for (const sent of [
        { path: 'reset' },
        { path: 'faults', form: '{"spec":""}' },
        { method: 'DELETE', path: 'faults' },
      ]) {
        expect(await statusOf(local, { 'content-type': type, origin }, sent)).toBe(403);
      }
    }
    expect((await local.send('GET', '/v1/account')).status).toBe(403);
  });

  test('a page of its own must send JSON, which no form can', async () => {
    await using local = await startLocal();
    const origin = `http://127.0.0.1:${String(local.sandbox.port)}`;
    expect(await statusOf(local, { ...JSON_BODY, origin })).toBe(200);
    expect(
      await statusOf(local, { 'content-type': 'application/json; charset=utf-8', origin }),
    ).toBe(200);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      expect(await statusOf(local, { 'content-type': type, origin })).toBe(415);
      expect(await statusOf(local, { 'content-type': type })).toBe(200);
    }
  });

  test.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['same-origin', 200],
    ['none', 200],
  ])('a browser that says %s gets %i', async (site, status) => {
    await using local = await startLocal();
    expect(
      await statusOf(local, { 'sec-fetch-site': site }, { method: 'GET', path: 'books' }),
    ).toBe(status);
  });

  test('it does not help to write the path in another way', async () => {
    await using local = await startLocal();
    await local.stripe.customers.create({});
    const headers = { host: 'evil.example', 'content-type': 'text/plain' };
    for (const path of [
      '/%5Fsandbox/reset',
      '//_sandbox/reset',
      '/_sandbox/reset/',
      '/_sandbox/reset?x',
      '/_sandbox/./reset',
    ]) {
      expect((await local.send('POST', path, { form: '{}', headers })).status).not.toBe(200);
    }
    expect(local.sandbox.books.requests.length).toBeGreaterThan(0);
  });

  test('a request without a name is refused', () => {
    expect(refuseFromPages({})).toMatchObject({ status: 403 });
    expect(refuseFromPages({ host: '' })).toMatchObject({ status: 403 });
  });

  test('the refusal says what to do', async () => {
    await using local = await startLocal();
    const answer = await local.send('GET', '/_sandbox/books', {
      key: null,
      headers: { host: 'evil.example' },
    });
    expect(answer.json).toMatchObject({
      error: { type: 'sandbox_error', message: containing('http://127.0.0.1') },
    });
  });
});
