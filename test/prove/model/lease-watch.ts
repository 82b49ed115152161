import type { World } from './world.ts';

/*
 * Who may write: at every SQL transaction that counts a row's version up, the lease must be the writer's. The product
 * compares the token in the statement itself; this looks at the row before and after it, from outside.
 */

export interface LeaseWatch {
  /** A SQL transaction (or a statement by itself) of this process is about to begin. */
  before(): Promise<void>;
  /** It has committed. */
  after(process: string, statements: string): Promise<void>;
  readonly wrong: readonly string[];
  /** Records that came too late, and changed nothing. */
  refused(): number;
}

interface Held {
  readonly version: number;
  readonly token: string | null;
}

/** Only a recorded transition reads or writes the end of the audit chain. */
const RECORDS = 'audit_hash';
const OPENS = 'insert into transactions';
/** Takes a lease on a row that nobody holds, with its first entry. */
const BEGINS_AGAIN = 'new_attempt';

export function watchLeases(world: World): LeaseWatch {
  const wrong: string[] = [];
  let refused = 0;
  let known = new Map<string, Held>();
  const look = async (): Promise<Map<string, Held>> => {
    const rows = await world.harness
      .raw()
      .rows('select id, version, lease_token from transactions');
    return new Map(
      rows.map((row) => [
        String(row['id']),
        {
          version: Number(row['version']),
          token: typeof row['lease_token'] === 'string' ? row['lease_token'] : null,
        },
      ]),
    );
  };
  return {
    wrong,
    refused: () => refused,
    async before() {
      known = await look();
    },
    async after(process, statements) {
      if (!statements.includes(RECORDS) || statements.includes(OPENS)) return;
      const isNewAttempt = async (id: string): Promise<boolean> =>
        (
          await world.harness
            .raw()
            .rows(
              `select action from audit_events where transaction_id = '${id}' order by seq desc limit 1`,
            )
        )[0]?.['action'] === BEGINS_AGAIN;
      const written = [...(await look())].filter(
        ([id, { version }]) => version > (known.get(id)?.version ?? version),
      );
      refused += written.length === 0 ? 1 : 0;
      for (const [id] of written) {
        const token = known.get(id)?.token ?? 'nobody';
        if (token === 'nobody' && (await isNewAttempt(id))) continue;
        if (!token.startsWith(`${process} `))
          wrong.push(`model, only the holder writes: ${process} wrote ${id}, held by ${token}`);
      }
    },
  };
}
