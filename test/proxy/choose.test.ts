import { describe, expect, it } from 'vitest';
import { chooseProxy } from '../../src/proxy/choose.ts';

const HTTPS = 'https://api.stripe.com';
const HTTP = 'http://127.0.0.1:4242';

function shown(base: string, environment: Record<string, string>): string {
  const choice = chooseProxy(base, environment);
  return choice.kind === 'proxy'
    ? `${choice.proxy.shown} by ${choice.proxy.variable}`
    : choice.kind;
}

describe('which proxy leads to a base', () => {
  it.each<[string, Record<string, string>, string]>([
    [HTTPS, {}, 'direct'],
    [HTTPS, { HTTPS_PROXY: 'http://proxy.example:3128' }, 'proxy.example:3128 by HTTPS_PROXY'],
    [HTTPS, { https_proxy: 'http://proxy.example:3128' }, 'proxy.example:3128 by https_proxy'],
    [
      HTTPS,
      { https_proxy: 'a.example:1', HTTPS_PROXY: 'b.example:2' },
      'a.example:1 by https_proxy',
    ],
    [HTTPS, { https_proxy: '', HTTPS_PROXY: 'b.example:2' }, 'b.example:2 by HTTPS_PROXY'],
    [HTTPS, { HTTPS_PROXY: 'http://proxy.example/' }, 'proxy.example:80 by HTTPS_PROXY'],
    [HTTPS, { HTTPS_PROXY: 'https://proxy.example' }, 'proxy.example:443 by HTTPS_PROXY'],
    [HTTPS, { HTTPS_PROXY: 'http://[fd00::1]:3128' }, '[fd00::1]:3128 by HTTPS_PROXY'],
    [HTTPS, { HTTP_PROXY: 'http://proxy.example:3128' }, 'direct'],
    [HTTP, { HTTPS_PROXY: 'http://proxy.example:3128' }, 'direct'],
    [HTTP, { HTTP_PROXY: 'http://proxy.example:3128' }, 'proxy.example:3128 by HTTP_PROXY'],
    [HTTPS, { ALL_PROXY: 'http://proxy.example:3128' }, 'direct'],
  ])('%s with %j: %s', (base, environment, expected) => {
    expect(shown(base, environment)).toBe(expected);
  });

  it.each<[string, string, boolean]>([
    [HTTPS, 'api.stripe.com', true],
    [HTTPS, 'API.Stripe.com', true],
    [HTTPS, '.stripe.com', true],
    [HTTPS, '*.stripe.com', true],
    [HTTPS, 'stripe.com', true],
    [HTTPS, 'other.example, api.stripe.com', true],
    [HTTPS, 'other.example api.stripe.com', true],
    [HTTPS, 'api.stripe.com:443', true],
    [HTTPS, 'api.stripe.com:8443', false],
    [HTTPS, 'ripe.com', false],
    [HTTPS, 'pi.stripe.com', false],
    [HTTPS, 'stripe.com.example', false],
    [HTTPS, '*', true],
    [HTTPS, 'other.example,*', true],
    [HTTPS, ',', false],
    [HTTP, '127.0.0.1', true],
    [HTTP, '127.0.0.1:4242', true],
    [HTTP, '127.0.0.1:4243', false],
    [HTTP, '127.0.0.0/8', true],
    [HTTP, '10.0.0.0/8', false],
    [HTTP, '127.0.0.0/99', false],
    [HTTP, '127.0.0.2', false],
    [HTTP, 'localhost', false],
    ['http://[::1]:4242', '::1', true],
    ['http://[::1]:4242', '[::1]', true],
    ['http://[::1]:4242', '[::1]:4242', true],
    ['http://[::1]:4242', '[::1]:1', false],
    ['http://[::1]:4242', '0:0:0:0:0:0:0:1', true],
    ['http://localhost:4242', 'localhost', true],
  ])('%s with NO_PROXY=%s is asked without one: %s', (base, except, expected) => {
    const proxies = { HTTP_PROXY: 'p.example:1', HTTPS_PROXY: 'p.example:1' };
    for (const name of ['NO_PROXY', 'no_proxy']) {
      expect(chooseProxy(base, { ...proxies, [name]: except }).kind).toBe(
        expected ? 'direct' : 'proxy',
      );
    }
  });

  it.each<[string, string]>([
    ['http://ann:word@p.example:1', 'ann:word'],
    ['ann:word@p.example:1', 'ann:word'],
    ['http://ann:p%40ss%3Aw%2F@p.example:1', 'ann:p@ss:w/'],
    ['http://ann:p@ss@p.example:1', 'ann:p@ss'],
    ['http://ann:50%@p.example:1', 'ann:50%'],
    ['http://ann@p.example:1', 'ann:'],
  ])('%s logs in as %s', (value, expected) => {
    const choice = chooseProxy(HTTPS, { HTTPS_PROXY: value });
    if (choice.kind !== 'proxy') throw new Error(choice.kind);
    const basic = `Basic ${Buffer.from(expected).toString('base64')}`;
    expect(choice.proxy.authorization).toBe(basic);
    expect(choice.proxy.shown).toBe('p.example:1');
  });

  it.each([
    'socks5://ann:hunter2@p.example:1080',
    'http://ann:hunter2#@p.example:1',
    // Each of these would be read as a host called "ann" and a port of the password's digits.
    'http://ann:8080/unter2@p.example:1',
    'http://ann:8080#unter2@p.example:1',
    'http://ann:8080?unter2@p.example:1',
    'http://ann:8080\\unter2@p.example:1',
    'http://ann:hunter2@p.example:1/path',
    'http://ann:hunter2@p.example:99999',
    'http://ann:hunter 2@p.example:1',
    'http://',
    'http://ann:hunter2@',
    'p.example:0',
  ])('%s is refused, and nothing of it is repeated', (value) => {
    const choice = chooseProxy(HTTPS, { HTTPS_PROXY: value });
    expect(choice.kind).toBe('wrong');
    expect(JSON.stringify(choice)).not.toMatch(/ann|unter|8080|p\.example/);
  });
});
