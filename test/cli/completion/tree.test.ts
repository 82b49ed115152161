import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await commandLine(['completion', shell]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

/** What bash offers after these words; the last one is being typed. */
async function bashOffers(words: readonly string[]): Promise<readonly string[]> {
  const run = `${await script('bash')}
COMP_WORDS=(payrecon "$@"); COMP_CWORD=$#; _payrecon; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execa('bash', ['-c', run, 'bash', ...words]);
  return stdout === '' ? [] : stdout.split('\n');
}

describe('completion of bash', () => {
  it.each([
    [['st'], ['stuck', 'status']],
    [
      ['stuck', ''],
      ['list', 'resolve', '--help'],
    ],
    [
      ['stuck', 'resolve', 'txn_1', '--as', ''],
      ['succeeded', 'failed', 'canceled', 'retry', 'acknowledge'],
    ],
    [
      ['list', '--status', 's'],
      ['succeeded', 'stuck'],
    ],
    [['charge', '--pay'], ['--payment-method']],
    [['charge', '--key', ''], []],
    [['charge', '--key', 'list', '--amount-'], ['--amount-minor']],
    [['migrate', 'd'], ['down']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    [['audit', 'v'], ['verify']],
  ])('after %j offers %j', async (words, offered) => {
    const actual = await bashOffers(words);
    if (words.at(-1) === '')
      expect(actual.filter((word) => !['--live', '--config', '--no-color'].includes(word))).toEqual(
        offered,
      );
    else expect(actual).toEqual(offered);
  });

  it('offers files for --config', async () => {
    const run = `${await script('bash')}\ncd /; COMP_WORDS=(payrecon list --config et); COMP_CWORD=3; _payrecon; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect((await execa('bash', ['-c', run])).stdout).toContain('etc');
  });
});

describe('completion of every shell', () => {
  it.each(['bash', 'zsh', 'fish'])(
    '%s knows every command and every flag of its help',
    async (shell) => {
      const text = await script(shell);
      for (const path of [
        [],
        ['charge'],
        ['reconcile'],
        ['list'],
        ['stuck', 'resolve'],
        ['notifications', 'send'],
      ]) {
        const { stdout } = await commandLine([...path, '--help']);
        const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(
          (match) => match[1] ?? '',
        );
        expect(flags.length).toBeGreaterThan(2);
        for (const flag of flags)
          expect(text).toContain(
            shell === 'fish' ? `-n "__payrecon_at '${path.join(' ')}'" -l ${flag} ` : `--${flag}`,
          );
      }
    },
  );

  it('keeps quotes in descriptions from ending the script', async () => {
    expect(await script('zsh')).toContain(String.raw`with all of the currency'\''s decimals`);
    expect(await script('fish')).toContain(String.raw`with all of the currency\'s decimals`);
  });

  it('is a script that the shell can read', async () => {
    await execa('bash', ['-n'], { input: await script('bash') });
  });
});
