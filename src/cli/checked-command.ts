import { Command, type Option } from '@commander-js/extra-typings';
import { quoted } from '../domain/request/field-rules.ts';

/**
 * commander takes whatever follows an option for its value. After `--key $ORDER --json` with an unset
 * variable that is `--json`: a payment under the key `--json`, which the next order would be taken to
 * repeat. So a value that looks like a flag is refused here, for every command; `--key=--json` says
 * that it is meant. An operand that is empty is such a variable in quotation marks.
 */
export class CheckedCommand extends Command {
  override createCommand(name?: string): Command {
    return new CheckedCommand(name);
  }

  override parseOptions(typed: string[]): { operands: string[]; unknown: string[] } {
    const end = typed.indexOf('--');
    for (const [at, word] of typed.entries()) {
      // Behind `--` there are operands alone; the one that follows an option was taken for its value.
      if (end !== -1 && at >= end) break;
      const option = this.options.find((each) => each.required && names(each, word));
      const value = typed[at + 1];
      if (option !== undefined && value !== undefined && this.#looksLikeFlag(value))
        this.#refuse(option, value);
    }
    const parsed = super.parseOptions(typed);
    if (parsed.operands.includes('')) {
      this.error('error: An argument is empty; was its variable not set?', {
        code: 'commander.emptyArgument',
      });
    }
    return parsed;
  }

  #looksLikeFlag(value: string): boolean {
    return (
      value.startsWith('--') ||
      value === '-h' ||
      this.options.some((option) => names(option, value))
    );
  }

  #refuse({ long, flags }: Option, value: string): never {
    const name = long ?? flags;
    const meant = `if it is meant, write ${quoted(`${name}=${value}`).slice(1, -1)}`;
    this.error(
      `error: ${name} has no value: what follows it, ${quoted(value)}, looks like a flag (${meant})`,
      {
        code: 'commander.flagAsValue',
      },
    );
  }
}

function names({ long, short }: Option, word: string): boolean {
  return word === long || word === short;
}
