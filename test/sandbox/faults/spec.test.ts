import { describe, expect, test } from 'vitest';
import { FAULT_KINDS, type Fault } from '../../../src/sandbox/faults/kinds.ts';
import { parseFaults } from '../../../src/sandbox/faults/spec.ts';
import { FaultDesk } from '../../../src/sandbox/faults/injector.ts';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';

const ENDPOINTS = ['payment_intents.create', 'payment_intents.confirm', 'account', 'mail.send'];

/** The faults that the given requests are dealt. */
function deal(spec: string, requests: readonly string[], seed = 1): string[] {
  const desk = new FaultDesk(createChance(seed));
  desk.set(parseFaults(spec, ENDPOINTS));
  return requests.map((endpoint) => shown(desk.next(endpoint, endpoint !== 'mail.send')));
}

function shown(fault: Fault | null): string {
  if (fault === null) return 'ok';
  if (fault.kind === 'error') return fault.text;
  return fault.argument === 0 ? fault.kind : `${fault.kind}:${String(fault.argument)}`;
}

const creates = (count: number) => Array.from({ length: count }, () => 'payment_intents.create');

describe('a fault specification', () => {
  test.each([
    ['', ['ok', 'ok']],
    [' ; ', ['ok', 'ok']],
    ['payment_intents.create=500_after', ['500_after', 'ok', 'ok']],
    ['payment_intents.create#2=drop_after', ['ok', 'drop_after', 'ok']],
    ['payment_intents.create #2-3 = slow:300', ['ok', 'slow:300', 'slow:300', 'ok']],
    ['payment_intents.create#*=409', ['409', '409', '409']],
    ['*#2=429_lock', ['ok', '429_lock', 'ok']],
    ['payment_intents.create=409;payment_intents.create#2=429', ['409', '429', 'ok']],
    ['payment_intents.create#1-2=409;payment_intents.create#2=429', ['409', '409', 'ok']],
    ['seq:payment_intents.create=drop_after,ok,slow:5', ['drop_after', 'ok', 'slow:5', 'ok']],
    ['payment_intents.confirm=hang', ['ok', 'ok']],
    ['outage', ['reset_before', 'reset_before']],
    ['outage:500_before', ['500_before', '500_before']],
    ['payment_intents.create=drip', ['drip:100', 'ok']],
    [
      'payment_intents.create#*=error:403:invalid_request_error',
      ['error:403:invalid_request_error', 'error:403:invalid_request_error'],
    ],
    [
      'seq:payment_intents.create=ok,error:402:card_error:card_declined:lost_card:param=x',
      ['ok', 'error:402:card_error:card_declined:lost_card:param=x'],
    ],
    ['outage:error:503:api_error', ['error:503:api_error', 'error:503:api_error']],
  ])('%s', (spec, dealt) => {
    expect(deal(spec, creates(dealt.length))).toEqual(dealt);
  });

  test('counts each endpoint by itself, and all of them for *', () => {
    const requests = ['account', 'payment_intents.create', 'mail.send', 'payment_intents.create'];
    expect(deal('payment_intents.create#2=409', requests)).toEqual(['ok', 'ok', 'ok', '409']);
    expect(deal('*#3=409', requests)).toEqual(['ok', 'ok', '409', 'ok']);
  });

  test('an outage is of Stripe, not of the mail', () => {
    expect(deal('outage:html_502', ['account', 'mail.send'])).toEqual(['html_502', 'ok']);
  });

  test('chance follows the seed', () => {
    const requests = creates(400);
    const hits = deal('payment_intents.create=409@0.05', requests).filter(
      (fault) => fault === '409',
    );
    expect(hits.length).toBeGreaterThan(5);
    expect(hits.length).toBeLessThan(40);
    expect(deal('payment_intents.create=409@0.05', requests)).toEqual(
      deal('payment_intents.create=409@0.05', requests),
    );
    expect(deal('payment_intents.create=409@0.05', requests, 2)).not.toEqual(
      deal('payment_intents.create=409@0.05', requests),
    );
    expect(deal('payment_intents.create=409@1', creates(2))).toEqual(['409', '409']);
    expect(deal('payment_intents.create=409@0', creates(2))).toEqual(['ok', 'ok']);
  });

  test('seed deals every kind in time, the same for the same seed', () => {
    const dealt = deal('seed:7@0.5', creates(2000));
    expect(new Set(dealt.map((fault) => fault.split(':')[0]))).toEqual(
      new Set(['ok', ...FAULT_KINDS.map(({ kind }) => kind)]),
    );
    expect(deal('seed:7@0.5', creates(2000), 99)).toEqual(dealt);
    expect(deal('seed:8@0.5', creates(2000))).not.toEqual(dealt);
    const rare = deal('seed:7', creates(2000)).filter((fault) => fault !== 'ok').length;
    expect(rare).toBeGreaterThan(120);
    expect(rare).toBeLessThan(280);
  });

  test.each([
    ['payment_intents.create', 'it has no "="'],
    [
      'payment_intent.create=409',
      'there is no endpoint "payment_intent.create"; the endpoints are *, payment_intents.create',
    ],
    [
      'payment_intents.create=explode',
      'there is no fault "explode"; the faults are reset_before, 401',
    ],
    ['payment_intents.create#0=409', '#0 is not a range of request numbers'],
    ['payment_intents.create#3-2=409', '#3-2 is not a range of request numbers'],
    ['payment_intents.create#x=409', '"x" is not a whole number'],
    ['payment_intents.create=slow:fast', '"fast" is not a whole number'],
    ['payment_intents.create=409:5', '409 takes no number'],
    ['payment_intents.create=409@2', '"2" is not a probability'],
    ['seq:payment_intents.create', 'it has no "="'],
    ['seq:payment_intents.create=ok,nope', 'there is no fault "nope"'],
    ['seed:x', '"x" is not a whole number'],
    ['outage:nope', 'there is no fault "nope"'],
    ['account=explode', 'out_of_order and error:STATUS:TYPE[:CODE[:DECLINE_CODE]][:NAME=VALUE..]'],
    ['account=error', 'write error:STATUS:TYPE[:CODE[:DECLINE_CODE]][:NAME=VALUE..]'],
    ['account=error:200:api_error', '"200" is not a status from 400 to 599'],
    ['account=error:400:', '"" is not a type or a code'],
    ['account=error:400:api_error:<b>', '"<b>" is not a type or a code'],
    ['account=error:400:api_error:a:b:c', 'write error:STATUS:TYPE'],
    [
      'account=error:400:api_error:colour=red',
      'there is no "colour"; there are param, message, should_retry, limited, kept',
    ],
    ['account=error:400:api_error:kept=yes', 'kept is true or false'],
    ['account=error:400:api_error:message=%zz', '"%zz" is not percent-encoded text'],
  ])('%s is refused: %s', (spec, message) => {
    expect(() => parseFaults(spec, ENDPOINTS)).toThrow(message);
    expect(() => parseFaults(spec, ENDPOINTS)).toThrow(`fault "${spec}"`);
  });
});
