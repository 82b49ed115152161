import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CARD,
  createUnconfirmed,
  errorOf,
  type Local,
  SECRET_KEY,
  startLocal,
  stripeAt,
} from '../clients.ts';

const OTHER_KEY = 'sk_test_ofTheOtherShop';
const OTHER_ACCOUNT = 'acct_1OtherShop';
const LIVE_KEY = 'sk_test_ofTheDefaultAccount'.replace('_test_', '_live_');

const at = (local: Local, key: string) => stripeAt(local.sandbox.port, { key });

/** What the other account's key is told about an object of the default account. */
const unknown = { statusCode: 404, code: 'resource_missing', type: 'StripeInvalidRequestError' };

describe('accounts', () => {
  test('every well-formed test key is of the default account, until it is said to be of another', async () => {
    await using local = await startLocal({ keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }] });
    const idFor = async (key: string) => (await at(local, key).accounts.retrieveCurrent()).id;
    expect(await idFor(SECRET_KEY)).toBe('acct_1SandboxLkdIwHu7');
    expect(await idFor('rk_test_anotherOneOfIt')).toBe('acct_1SandboxLkdIwHu7');
    expect(await idFor(OTHER_KEY)).toBe(OTHER_ACCOUNT);
    await local.control('POST', 'keys', { key: 'sk_test_laterOne', account: 'acct_1Later' });
    expect(await idFor('sk_test_laterOne')).toBe('acct_1Later');
  });

  test('keep their objects to themselves', async () => {
    await using local = await startLocal({ keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }] });
    const other = at(local, OTHER_KEY);
    const customer = await local.stripe.customers.create({});
    const method = await local.stripe.paymentMethods.attach('pm_card_visa', {
      customer: customer.id,
    });
    const { id } = await createUnconfirmed(local.stripe);
    expect(await errorOf(other.paymentIntents.retrieve(id))).toMatchObject({
      ...unknown,
      message: `No such payment_intent: '${id}'`,
    });
    for (const call of [
      other.paymentIntents.confirm(id),
      other.paymentIntents.cancel(id),
      other.customers.retrieve(customer.id),
      other.paymentMethods.retrieve(method.id),
    ]) {
      expect(await errorOf(call)).toMatchObject(unknown);
    }
    expect(await errorOf(createUnconfirmed(other, method.id))).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      param: 'payment_method',
    });
    expect(
      await errorOf(createUnconfirmed(other, 'pm_card_visa', { customer: customer.id })),
    ).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'customer' });
    expect(await errorOf(other.paymentIntents.list({ starting_after: id }))).toMatchObject({
      code: 'resource_missing',
    });
    const paid = await local.stripe.paymentIntents.confirm(id);
    expect(await errorOf(other.charges.retrieve(paid.latest_charge as string))).toMatchObject(
      unknown,
    );
    expect(await errorOf(other.refunds.create({ payment_intent: id }))).toMatchObject({
      code: 'resource_missing',
    });
    expect((await other.paymentIntents.list()).data).toEqual([]);
    expect((await other.charges.list()).data).toEqual([]);
    expect((await other.events.list()).data).toEqual([]);
    expect((await other.balance.retrieve()).pending).toMatchObject([{ amount: 0 }]);
  });

  test('use the names of test payment methods each for themselves', async () => {
    await using local = await startLocal({ keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }] });
    const intent = await createUnconfirmed(at(local, OTHER_KEY), 'pm_card_visa');
    expect((await at(local, OTHER_KEY).paymentIntents.confirm(intent.id)).status).toBe('succeeded');
    expect((await local.stripe.paymentIntents.list()).data).toEqual([]);
    expect(local.sandbox.books.succeededCount()).toBe(1);
    const { sandbox } = local;
    expect(sandbox.books.of(OTHER_ACCOUNT, 'test').succeededCount()).toBe(1);
    expect(sandbox.books.of('acct_1SandboxLkdIwHu7', 'test').paymentIntents).toEqual([]);
    const books = await local.control('GET', `books?summary=1&account=${OTHER_ACCOUNT}`);
    expect(books.json).toMatchObject({ payment_intents: { succeeded: 1 } });
  });

  test('have idempotency keys of their own', async () => {
    await using local = await startLocal({ keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }] });
    const first = await local.stripe.paymentIntents.create(CARD, { idempotencyKey: 'order-7' });
    const second = await at(local, OTHER_KEY).paymentIntents.create(
      { ...CARD, amount: 900 },
      { idempotencyKey: 'order-7' },
    );
    expect(second.id).not.toBe(first.id);
    expect(second.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
    const rolled = 'sk_test_theNewKeyOfTheSame';
    const again = await at(local, rolled).paymentIntents.create(CARD, {
      idempotencyKey: 'order-7',
    });
    expect(again.id).toBe(first.id);
  });

  test('are not reached by naming one in a header', async () => {
    await using local = await startLocal();
    const options = { stripeAccount: OTHER_ACCOUNT };
    expect(await errorOf(local.stripe.paymentIntents.create(CARD, options))).toMatchObject({
      statusCode: 403,
      code: 'account_invalid',
    });
    const own = { stripeAccount: 'acct_1SandboxLkdIwHu7' };
    expect((await local.stripe.paymentIntents.create(CARD, own)).object).toBe('payment_intent');
  });

  test('and their keys are there again after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const first = await startLocal({ dataDir: folder, liveKeys: true });
    await first.control('POST', 'keys', { key: OTHER_KEY, account: OTHER_ACCOUNT });
    const { id } = await createUnconfirmed(at(first, OTHER_KEY));
    const live = await at(first, LIVE_KEY).paymentIntents.create(CARD, { idempotencyKey: 'k' });
    await first.sandbox.close();
    await using second = await startLocal({ dataDir: folder, liveKeys: true });
    expect((await at(second, OTHER_KEY).paymentIntents.retrieve(id)).id).toBe(id);
    expect(await errorOf(second.stripe.paymentIntents.retrieve(id))).toMatchObject(unknown);
    const again = await at(second, LIVE_KEY).paymentIntents.create(CARD, { idempotencyKey: 'k' });
    expect(again).toMatchObject({ id: live.id, livemode: true });
    const inTest = await second.stripe.paymentIntents.create(CARD, { idempotencyKey: 'k' });
    expect(inTest.id).not.toBe(live.id);
  });
});

describe('modes', () => {
  test('live keys are refused unless the sandbox is told to take them', async () => {
    await using local = await startLocal();
    expect(await errorOf(at(local, LIVE_KEY).balance.retrieve())).toMatchObject({
      statusCode: 401,
    });
    await local.control('POST', 'keys', { key: LIVE_KEY });
    expect((await at(local, LIVE_KEY).balance.retrieve()).livemode).toBe(true);
  });

  test('everything of the live mode says so', async () => {
    await using local = await startLocal({ liveKeys: true, eventLagMs: 0 });
    const live = at(local, LIVE_KEY);
    const customer = await live.customers.create({});
    const { id } = await createUnconfirmed(live, 'pm_card_visa', { customer: customer.id });
    const paid = await live.paymentIntents.confirm(id, { expand: ['latest_charge'] });
    const [event] = (await live.events.list()).data;
    const shown = [customer, paid, paid.latest_charge, event, event?.data.object];
    for (const each of shown) expect(each).toMatchObject({ livemode: true });
    const declined = await createUnconfirmed(live, 'pm_card_chargeDeclined');
    const error = await errorOf(live.paymentIntents.confirm(declined.id));
    expect(error.payment_intent).toMatchObject({ livemode: true });
    expect(local.sandbox.books.paymentIntents[0]).toMatchObject({ livemode: true });
    expect((await createUnconfirmed(local.stripe)).livemode).toBe(false);
    expect((await live.accounts.retrieveCurrent()).id).toBe('acct_1SandboxLkdIwHu7');
  });

  test("the other mode's object is named as such, the other account's is not", async () => {
    await using local = await startLocal({
      liveKeys: true,
      keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }],
    });
    const live = at(local, LIVE_KEY);
    const inLive = (await createUnconfirmed(live)).id;
    const inTest = (await createUnconfirmed(local.stripe)).id;
    const messageOf = async (call: Promise<unknown>) => (await errorOf(call)).message;
    const test = 'but a test mode key was used to make this request.';
    expect(await messageOf(local.stripe.paymentIntents.retrieve(inLive))).toBe(
      `No such payment_intent: '${inLive}'; a similar object exists in live mode, ${test}`,
    );
    const liveKey = 'but a live mode key was used to make this request.';
    expect(await messageOf(live.paymentIntents.confirm(inTest))).toBe(
      `No such payment_intent: '${inTest}'; a similar object exists in test mode, ${liveKey}`,
    );
    expect(await messageOf(at(local, OTHER_KEY).paymentIntents.retrieve(inLive))).toBe(
      `No such payment_intent: '${inLive}'`,
    );
    const customer = await live.customers.create({});
    const refused = createUnconfirmed(local.stripe, 'pm_card_visa', { customer: customer.id });
    expect(await errorOf(refused)).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      param: 'customer',
      message: `No such customer: '${customer.id}'; a similar object exists in live mode, ${test}`,
    });
  });
});

describe('restricted keys', () => {
  test('may be forbidden single endpoints; the 403 names the right that is missing', async () => {
    await using local = await startLocal();
    const key = 'rk_test_mayNotDoEverything';
    const forbidden = ['account', 'payment_intents.cancel'];
    expect((await local.control('POST', 'keys', { key, forbidden })).status).toBe(200);
    const restricted = at(local, key);
    const noAccount = await errorOf(restricted.accounts.retrieveCurrent());
    const shown = `rk_test_${'*'.repeat(14)}hing`;
    const denied = (right: string) =>
      `The provided key '${shown}' does not have the required permissions for this endpoint on account ` +
      `'acct_1SandboxLkdIwHu7'. Having the '${right}' permission would allow this request to continue.`;
    expect(noAccount).toMatchObject({
      statusCode: 403,
      type: 'StripePermissionError',
      rawType: 'invalid_request_error',
      message: denied('rak_accounts_kyc_basic_read'),
    });
    expect(noAccount.code).toBeUndefined();
    const { id } = await createUnconfirmed(restricted);
    expect((await errorOf(restricted.paymentIntents.cancel(id))).message).toBe(
      denied('rak_payment_intent_write'),
    );
    expect(local.sandbox.books.paymentIntent(id)?.status).toBe('requires_confirmation');
    expect((await restricted.paymentIntents.confirm(id)).status).toBe('succeeded');
    await local.control('POST', 'keys', { key, forbidden: [] });
    expect((await restricted.accounts.retrieveCurrent()).object).toBe('account');
  });

  test.each([
    [{ key: 'sk_test_4eC' }, 'sk_test_'],
    [{ key: 'pk_test_4eC39HqLyjWDarjt' }, 'sk_test_'],
    [{ key: 'sk_test_4eC39HqLyjWDarjt', account: 'shop' }, 'acct_'],
    [{ key: 'sk_test_4eC39HqLyjWDarjt', forbidden: ['account'] }, 'rk_'],
    [{ key: 'rk_test_4eC39HqLyjWDarjt', forbidden: ['accounts'] }, 'account, balance'],
    [{ key: 'rk_test_4eC39HqLyjWDarjt', livemode: true }, 'livemode'],
    [{ account: 'acct_1' }, 'key'],
  ])('%j is refused', async (body, message) => {
    await using local = await startLocal();
    const answer = await local.control('POST', 'keys', body);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain(message);
  });
});
