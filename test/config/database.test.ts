import { describe, expect, it } from 'vitest';
import { holdsPassword, parseDatabase } from '../../src/config/database.ts';

describe('parseDatabase', () => {
  it.each([
    ['sqlite:/var/lib/ledger.db', '/var/lib/ledger.db'],
    ['sqlite:/srv/./data/../ledger.db', '/srv/ledger.db'],
    ['sqlite:/srv/with space é.db', '/srv/with space é.db'],
  ])('reads %s as the file %s', (text, path) => {
    expect(parseDatabase(text, '/srv/shop')).toEqual({
      ok: true,
      value: { kind: 'sqlite', path, shown: `sqlite:${path}` },
    });
  });

  it.each([
    [
      'postgres://ada:secret@db.example.com:5432/pay?sslmode=require',
      'postgres://ada@db.example.com:5432/pay',
    ],
    ['postgresql://db/pay', 'postgres://db/pay'],
    ['postgres://localhost/pay?host=db.example.com', 'postgres://db.example.com/pay'],
    [
      'postgres:///pay?host=/var/run/postgresql&password=secret',
      'postgres:///var/run/postgresql/pay',
    ],
  ])('takes %s and shows it without its secrets', (url, shown) => {
    expect(parseDatabase(url, '/srv/shop')).toEqual({
      ok: true,
      value: { kind: 'postgres', url, shown },
    });
  });

  it.each([
    ['mysql://h/d', 'postgres://USER@HOST:PORT/NAME or sqlite:/PATH'],
    ['/var/lib/ledger.db', 'postgres://USER@HOST:PORT/NAME or sqlite:/PATH'],
    ['postgres:h/d', 'postgres://USER@HOST:PORT/NAME or sqlite:/PATH'],
    ['postgres://u:p#w@h/d', 'percent-encoded'],
    ['postgres://h/d\n', 'percent-encoded'],
    // Read as a host called "u" and a port of the password's first digits, these would be shown and asked for.
    ['postgres://u:7391/Xk9w@h/d', 'percent-encoded'],
    ['postgres://7391/Xk9w@h/d', 'percent-encoded'],
    ['postgres://u:7391/x?Xk9w@h/d', 'percent-encoded'],
    ['postgres://u:7391/x#Xk9w@h/d', 'percent-encoded'],
    ['postgres://h', 'the name of the database is missing'],
    ['postgres://h/', 'the name of the database is missing'],
    ['sqlite:', 'followed by the path of a file'],
    ['sqlite:ledger.db', 'write sqlite:/srv/shop/ledger.db'],
    ['sqlite:./data/../ledger.db', 'write sqlite:/srv/shop/ledger.db'],
    ['sqlite:../ledger.db', 'write sqlite:/srv/ledger.db'],
    ['sqlite:%2Fvar%2Fledger.db', 'the path must be absolute'],
    ['sqlite: /var/lib/ledger.db', 'a space'],
    ['sqlite:/var/lib/ledger.db ', 'a space'],
    ['sqlite::memory:', 'would forget who was charged'],
    ['sqlite:///var/lib/ledger.db', 'as in sqlite:/var/lib/ledger.db'],
    ['sqlite://ledger.db', 'straight after sqlite:'],
    ['sqlite:~/ledger.db', '~ is not expanded'],
    ['sqlite:a\0b', 'followed by the path of a file'],
  ])('refuses %j', (text, sentence) => {
    expect(parseDatabase(text, '/srv/shop')).toEqual({
      ok: false,
      message: expect.stringContaining(sentence) as string,
    });
  });

  it('knows which texts are secrets', () => {
    expect(
      ['postgres://a:b@h/d', 'postgres://h/d?password=b', 'postgres://a:b#@h/d'].map(holdsPassword),
    ).toEqual([true, true, true]);
    expect(['postgres://a@h/d', 'sqlite:/a:b@c', 'nonsense'].map(holdsPassword)).toEqual([
      false,
      false,
      false,
    ]);
  });
});
