import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PayreconError } from '../../../src/domain/errors.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { tlsFor } from '../../../src/storage/postgres/tls.ts';
import { CERTIFICATE } from '../../support/certificate.ts';
import { runPayrecon } from '../../support/binary.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { errorOf, everythingIn } from '../errors-of.ts';
import { fakePostgres, type FakePostgres } from '../fake-postgres.ts';
import { chance, clock } from '../targets.ts';

type Environment = Readonly<Record<string, string>>;

function refusalOf(address: string, environment: Environment = {}): string {
  try {
    tlsFor(address, environment);
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
    expect(error).toMatchObject({ kind: 'configuration', code: 'database_tls' });
    return error.problems.map(({ field, message }) => `${field}: ${message}`).join('\n');
  }
  throw new Error('the address was accepted');
}

describe('the address of a PostgreSQL', () => {
  it.each<[string, Environment, string]>([
    // This machine, however it is written, and whoever says so.
    ['postgres://u:p@localhost/d', {}, 'off'],
    ['postgres://u:p@LOCALHOST:5432/d', {}, 'off'],
    ['postgres://u:p@127.0.0.1/d', {}, 'off'],
    ['postgres://u:p@127.8.9.1/d', {}, 'off'],
    ['postgres://u:p@[::1]:5432/d', {}, 'off'],
    ['postgres:///d', {}, 'off'],
    ['postgres:///d?host=/var/run/postgresql', {}, 'off'],
    ['postgres://u@%2Fvar%2Frun%2Fpostgresql/d', {}, 'off'],
    ['postgres://u@db.example.com/d?host=/var/run/postgresql', {}, 'off'],
    ['postgres:///d', { PGHOST: '/tmp' }, 'off'],
    ['postgres:///d', { PGHOST: '' }, 'off'],
    // Another host.
    ['postgres://u:p@db.example.com/d', {}, 'verified'],
    ['postgres://u:p@db/d', {}, 'verified'],
    ['postgres://u:p@10.0.0.7/d', {}, 'verified'],
    ['postgres://u:p@0.0.0.0/d', {}, 'verified'],
    ['postgres://u:p@[2001:db8::1]/d', {}, 'verified'],
    ['postgres://u:p@127.0.0.1.example.com/d', {}, 'verified'],
    ['postgres://u:p@localhost.example.com/d', {}, 'verified'],
    ['postgres://u:p@127.1/d', {}, 'verified'],
    ['postgres://localhost/d?host=db.example.com', {}, 'verified'],
    ['postgres:///d?host=db.example.com', {}, 'verified'],
    ['postgres:///d', { PGHOST: 'db.example.com' }, 'verified'],
    ['postgres://localhost/d', { PGHOST: 'db.example.com' }, 'off'],
    // What was written for this machine.
    ['postgres://localhost/d?sslmode=disable', {}, 'off'],
    ['postgres://localhost/d?sslmode=allow', {}, 'off'],
    ['postgres://localhost/d?sslmode=prefer', {}, 'off'],
    ['postgres://localhost/d?sslmode=require', {}, 'verified'],
    ['postgres://localhost/d?sslmode=verify-ca', {}, 'verified'],
    ['postgres://localhost/d?sslmode=verify-full', {}, 'verified'],
    ['postgres://localhost/d?sslmode=no-verify', {}, 'not_verified'],
    ['postgres://localhost/d?ssl=true', {}, 'verified'],
    ['postgres://localhost/d?sslnegotiation=direct', {}, 'verified'],
    ['postgres://localhost/d?sslrootcert=/ca.pem', {}, 'verified'],
    ['postgres://localhost/d?sslmode=disable&sslrootcert=/ca.pem', {}, 'off'],
    ['postgres://localhost/d', { PGSSLMODE: 'require' }, 'verified'],
    ['postgres://localhost/d', { PGSSLMODE: 'disable' }, 'off'],
    ['postgres:///d?host=/tmp&sslmode=require', {}, 'off'],
    // And for another host: as asked for, or stronger; without TLS only where that is written into the address.
    ['postgres://db/d?sslmode=disable', {}, 'off'],
    ['postgres://db/d?sslmode=disable', { PGSSLMODE: 'verify-full' }, 'off'],
    ['postgres://db/d?sslmode=allow', {}, 'verified'],
    ['postgres://db/d?sslmode=prefer', {}, 'verified'],
    ['postgres://db/d?sslmode=require', {}, 'verified'],
    ['postgres://db/d?sslmode=verify-ca', {}, 'verified'],
    ['postgres://db/d?sslmode=verify-full', {}, 'verified'],
    ['postgres://db/d?sslmode=verify-ca&uselibpqcompat=true', {}, 'verified'],
    ['postgres://db/d?ssl=1', {}, 'verified'],
    ['postgres://db/d', { PGSSLMODE: 'prefer' }, 'verified'],
    ['postgres://db/d', { PGSSLMODE: '' }, 'verified'],
  ])('%s with %j: %s', (address, environment, tls) => {
    expect(tlsFor(address, environment).tls).toBe(tls);
  });

  it.each<[string, Environment, string]>([
    ['postgres://u:hunter2@db/d?sslmode=no-verify', {}, 'sslmode=no-verify takes any certificate'],
    ['postgres://u:hunter2@db/d?ssl=no-verify', {}, 'sslmode=no-verify takes any certificate'],
    [
      'postgres://u:hunter2@db/d',
      { PGSSLMODE: 'no-verify' },
      'sslmode=no-verify takes any certificate',
    ],
    [
      'postgres://u:hunter2@db/d',
      { PGSSLMODE: 'disable' },
      'write sslmode=disable into the address',
    ],
    ['postgres://u:hunter2@db/d?ssl=false', {}, 'write sslmode=verify-full, or sslmode=disable'],
    ['postgres://u:hunter2@db/d?ssl=0', {}, 'write sslmode=verify-full, or sslmode=disable'],
    ['postgres://u:hunter2@db/d?ssl=', {}, 'write sslmode=verify-full, or sslmode=disable'],
    ['postgres://u:hunter2@db/d?sslmode=', {}, 'sslmode is ""'],
    ['postgres://u:hunter2@db/d?sslmode=Disable', {}, 'it must be one of disable, allow'],
    ['postgres://u:hunter2@db/d', { PGSSLMODE: 'off' }, 'PGSSLMODE is "off"'],
    [
      'postgres://u:hunter2@db/d?sslmode=verify-full&sslmode=disable',
      {},
      'it says "sslmode" twice',
    ],
    ['postgres://u:hunter2@db/d?host=localhost&host=db', {}, 'it says "host" twice'],
    ['postgres://u:hunter2@%2Ftmp/d?host=db', {}, 'two hosts'],
    ['postgres://u:hunter2@a,b/d', {}, 'several hosts'],
    ['postgres://u:hunter2@/d?host=localhost,db'.replace('@', '@x'), {}, 'several hosts'],
    ['postgres:///d', { PGHOST: 'localhost,db' }, 'several hosts'],
    ['postgres://u:hunter2@localhost/d?hostaddr=10.0.0.7', {}, 'hostaddr is not known'],
    ['postgres://u:hunter2@db/d?sslnegotiation=fast', {}, 'it must be postgres or direct'],
  ])('%s with %j is refused: %s', (address, environment, sentence) => {
    const said = refusalOf(address, environment);
    expect(said).toContain(`DATABASE_URL: `);
    expect(said).toContain(sentence);
    expect(said).not.toContain('hunter2');
  });

  it('leaves pg nothing to decide, and everything else as it was', () => {
    const address =
      'postgres://ada:p%40w%2F@db:6432/pay?sslmode=require&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem&options=-c%20search_path%3Dpay&lock_timeout=500';
    expect(tlsFor(address, {})).toEqual({
      connectionString:
        'postgres://ada:p%40w%2F@db:6432/pay?options=-c+search_path%3Dpay&lock_timeout=500',
      tls: 'verified',
      files: { ca: '/ca.pem', cert: '/c.pem', key: '/k.pem' },
      negotiation: 'postgres',
    });
    expect(tlsFor('postgres:///pay', { PGHOST: 'db' }).connectionString).toBe(
      'postgres:///pay?host=db',
    );
    expect(tlsFor('postgres://db/pay?sslrootcert=system', {}).files.ca).toBeNull();
  });
});

describe('a server that wants the password in clear', () => {
  const open = async (
    { port }: FakePostgres,
    host: string,
    parameters: string,
  ): Promise<PayreconError> => {
    const error = await errorOf(
      openStorage({
        url: `postgres://u:hunter2@${host}:${String(port)}/d?${parameters}`,
        clock,
        chance,
        mayCreate: true,
      }),
    );
    expect(everythingIn(error)).not.toContain('hunter2');
    return error;
  };
  const certificate = async (): Promise<string> => {
    const path = join(await temporaryFolder(), 'ca.pem');
    await writeFile(path, CERTIFICATE);
    return path;
  };

  it('gets it on this machine, where nobody is in between', async () => {
    const server = await fakePostgres('none');
    expect(await open(server, '127.0.0.1', '')).toMatchObject({ code: 'database_sign_in' });
    expect(server.seen).toEqual(['startup in clear', 'password in clear: hunter2']);
  });

  it('gets nothing when TLS is wanted and it offers none', async () => {
    const server = await fakePostgres('none');
    const error = await open(server, '127.0.0.1', 'sslmode=require');
    expect(error).toMatchObject({ kind: 'configuration', code: 'database_tls' });
    expect(error.message).toMatch(/offers no TLS.*No password was sent.*sslmode=disable/);
    expect(server.seen).toEqual(['tls asked']);
  });

  it('gets nothing when nobody known has signed its certificate, or it is for another name', async () => {
    const server = await fakePostgres('offered');
    const ca = await certificate();
    for (const [host, parameters, reason] of [
      ['127.0.0.1', 'sslmode=verify-full', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
      ['127.0.0.1', `sslmode=verify-ca&sslrootcert=${ca}`, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ] as const) {
      const error = await open(server, host, parameters);
      expect(error).toMatchObject({ kind: 'configuration', code: 'database_tls' });
      expect(error.message).toContain(`did not prove who it is (${reason}`);
    }
    expect(server.seen.filter((each) => each !== 'tls asked')).toEqual([]);
  });

  it('gets it encrypted once its certificate is the one that was named', async () => {
    const server = await fakePostgres('offered');
    expect(
      await open(server, 'localhost', `sslmode=verify-full&sslrootcert=${await certificate()}`),
    ).toMatchObject({ code: 'database_sign_in' });
    expect(server.seen).toEqual(['tls asked', 'startup encrypted', 'password encrypted: hunter2']);
  });

  it('is not asked at all when a file of the TLS settings is missing', async () => {
    const server = await fakePostgres('offered');
    const error = await open(server, 'localhost', 'sslrootcert=/nonexistent/ca.pem');
    expect(error.problems).toEqual([
      {
        field: 'DATABASE_URL',
        message: 'the file "/nonexistent/ca.pem" of its TLS settings cannot be read (ENOENT)',
      },
    ]);
    expect(server.seen).toEqual([]);
  });

  it('leaves standard error to payrecon alone: one document, whatever the mode', async () => {
    const server = await fakePostgres('none');
    for (const [mode, code] of [
      ['require', 'database_tls'],
      ['prefer', 'database_sign_in'],
      ['verify-ca', 'database_tls'],
      ['no-verify', 'database_tls'],
    ] as const) {
      const env = {
        DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${String(server.port)}/d?sslmode=${mode}`,
      };
      const { exitCode, stdout, stderr } = await runPayrecon(['list', '--json'], { env });
      expect({ mode, exitCode, stdout }).toEqual({ mode, exitCode: 2, stdout: '' });
      expect(JSON.parse(stderr)).toMatchObject({ error: { code } });
      expect(stderr).not.toMatch(/hunter2|SECURITY WARNING/);
    }
  });
});
